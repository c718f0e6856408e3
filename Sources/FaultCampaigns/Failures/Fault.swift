import TestCluster

/// Something that is done to a cluster, and undone afterwards.
package enum Fault: Equatable, Sendable {
  /// `SIGKILL` for the leading elector; its guard lives.
  case killElector
  /// `SIGSTOP` for the leading elector, then `SIGCONT`.
  case pauseElector
  /// `SIGTERM` for the leading elector's guard.
  case terminateElector
  /// `SIGKILL` for the leading elector and its guard at once, as when their container dies.
  case killContainer
  /// `SIGKILL` for all of the leader, then a boot with the manifest left over.
  case resetMachine
  /// The store refuses connections.
  case killStore
  /// The store takes connections and says nothing.
  case pauseStore
  /// What the store answers to the leader comes after the requests' time.
  case delayAnswers
  /// The same, until one renewal has met with it.
  case delayOneAnswer
  /// Nothing goes through between the leader and the store.
  case isolateLeader
  /// The store is killed and comes back with its data.
  case restartStore
  /// The store comes back with what it was before the last change of the leader.
  case restoreStore
  /// `SIGKILL` for one of the store's members: for the one that leads them, or one that follows.
  case killMember(isLeader: Bool)
  /// The leader's wall clock is set, by this much.
  case setClock(ahead: Duration)
  /// The other master's elector is started with the leader's name.
  case shareName
  /// All electors are started at one instant.
  case startTogether
  /// The leader's manifest directory is removed, or the other's cannot be written to and the leader goes.
  case spoilDirectory(DirectoryFault)
  /// Somebody writes into the leader's manifest.
  case editManifest
  /// Somebody removes the leader's manifest.
  case deleteManifest
  /// The leader's kubelet dies and stays dead.
  case killKubelet
  /// The leader's pod ends again and again.
  case crashPod
  /// The leader's source is another one.
  case changeSource

  package enum DirectoryFault: Equatable, Sendable { case missing, readOnly, full }

  /// What a cluster needs for it.
  package enum Setup: Equatable, Sendable {
    case plain
    /// See ``ClusterConfiguration/hasRelays``.
    case relays
    /// See ``ClusterConfiguration/hasOwnClocks``.
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

/// Whom a fault is done to.
package struct FaultScene: Equatable, Sendable {
  package static let role = Role.scheduler
  package var leader: String
  /// Any of those that follow.
  package var other: String
  /// The leader's.
  package var term: UInt64

  package var role: Role { Self.role }
  package var elector: Component { self.role.elector }
}
