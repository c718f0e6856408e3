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

  package enum DirectoryFault: Equatable, Sendable { case missing, readOnly, full }

  /// What a cluster needs for the fault.
  package enum Setup: Equatable, Sendable {
    case plain
    /// See `ClusterConfiguration.hasRelays`.
    case relays
    /// See `ClusterConfiguration.hasOwnClocks`.
    case clocks
  }

  package var setup: Setup {
    switch self {
    case .delayAnswers, .delayOneAnswer, .isolateLeader: .relays
    case .setClock: .clocks
    default: .plain
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
