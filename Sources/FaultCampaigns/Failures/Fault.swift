import TestCluster

/// A fault of the failure table: injected into a cluster, and healed afterwards.
package enum Fault: Equatable, Sendable {
  /// `SIGKILL` for the leading elector; its guard lives.
  case killElector
  /// `SIGSTOP` for the leading elector, then `SIGCONT`.
  case pauseElector
  /// `SIGTERM` for the leading elector's guard.
  case terminateElector
  /// `SIGKILL` for the leading elector and its guard at once, as when their container dies.
  case killContainer
  /// `SIGKILL` for the whole leading node, then a boot with the manifest left over.
  case resetMachine
  /// The store refuses connections.
  case killStore
  /// The store accepts connections and does not answer.
  case pauseStore
  /// The store's answers to the leader come after the request time-out.
  case delayAnswers
  /// The same, for one renewal.
  case delayOneAnswer
  /// No byte passes between the leader and the store.
  case isolateLeader
  /// The store is killed and comes back with its data.
  case restartStore
  /// The store comes back with its data from before the last change of leader.
  case restoreStore
  /// `SIGKILL` for one of the store's members: its leader or a follower.
  case killMember(isLeader: Bool)
  /// The leader's wall clock is set.
  case setClock(ahead: Duration)
  /// The other node's elector starts under the leader's name.
  case shareName
  /// All electors start at one instant.
  case startTogether
  /// The leader's manifest directory is removed; or the other node's is read-only or full, and the leader stops.
  case spoilDirectory(DirectoryFault)
  /// Another program writes into the leader's manifest.
  case editManifest
  /// Another program removes the leader's manifest.
  case deleteManifest
  /// The leader's kubelet dies and stays dead.
  case killKubelet
  /// The leader's pod ends again and again.
  case crashPod
  /// The leader's source file changes.
  case changeSource
  /// The leader's kubelet dies, and its container lives on; with `thenStop`, the leader is to stop then.
  case orphanPod(thenStop: Bool)
  /// The leader's kubelet is restarted without its API server, and then the leader is to stop.
  case keepOrphans
  /// The disk of the leader's manifests takes no writes, and then the leader is to stop.
  case spoilDisk(DiskFault)
  /// The other node's elector starts with the leader's `--dest-file`.
  case shareDestination
  /// The other node's elector starts with a `--dest-file` that is its `--source-file`.
  case useSourceAsDestination
  /// The leader's `--config` gets a bad line and a reload, and then its elector is killed.
  case spoilConfiguration
  /// The clock of the leader of etcd's members is ahead; then the leading elector stands still.
  case skewMembers(ahead: Duration)
  /// The leader's whole node stands still with its clocks, as a machine that its hypervisor pauses.
  case pauseMachine

  package enum DirectoryFault: Equatable, Sendable { case missing, readOnly, full }

  package enum DiskFault: Equatable, Sendable { case readOnly, hanging }

  /// What a cluster needs for the fault.
  package enum Setup: Equatable, Sendable {
    case plain
    /// See `ClusterConfiguration.hasRelays`.
    case relays
    /// See `ClusterConfiguration.hasOwnClocks`.
    case clocks
    /// See `ClusterConfiguration.runsContainers`. The electors have no deadline for their pod here: they would give
    /// the lock away beside a container that lives.
    case containers
    /// API servers, and kubelets that keep orphans while theirs is away.
    case apiServers
    /// Three members with clocks of their own, and leases that outlast what they differ.
    case memberClocks
  }

  package var setup: Setup {
    switch self {
    case .delayAnswers, .delayOneAnswer, .isolateLeader: .relays
    case .setClock, .pauseMachine: .clocks
    case .orphanPod: .containers
    case .keepOrphans: .apiServers
    case .skewMembers: .memberClocks
    default: .plain
    }
  }
}

extension Fault.Setup {
  /// Adapts the table's cluster to what the fault needs.
  package func apply(to configuration: inout ClusterConfiguration) {
    let impatience = [
      "--start-deadline=\(FailureRow.startDeadline.milliseconds)ms",
      "--max-restarts=\(FailureRow.maxRestarts)",
    ]
    if self != .containers { configuration.electorFlags += impatience }
    switch self {
    case .plain: break
    case .relays: configuration.hasRelays = true
    case .clocks: configuration.hasOwnClocks = true
    case .containers: configuration.runsContainers = true
    case .apiServers:
      configuration.hasAPIServers = true
      configuration.kubeletFlags.append("--keep-orphans")
    case .memberClocks:
      configuration.hasOwnClocks = true
      configuration.ttlSeconds = max(configuration.ttlSeconds, 13)
      if case .etcd(let executable, _) = configuration.store {
        configuration.store = .etcd(executable: executable, members: 3)
      }
    }
  }
}

/// The nodes that a fault is about.
package struct FaultScene: Equatable, Sendable {
  package static let role = Role.scheduler
  package var leader: String
  /// Any follower.
  package var other: String
  /// The leader's term.
  package var term: UInt64

  package var role: Role { Self.role }
  /// The guard of the leading elector.
  package var guardian: ProcessName { .component(node: self.leader, self.role.elector) }
}
