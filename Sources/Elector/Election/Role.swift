import EtcdClient

/// What this process is in the election, with all that it knows of the lock key.
///
/// ```
///                 another one holds the key
///   candidate ◀────────────────────────────▶ follower
///       │ its creation is granted                ▲
///       ▼                                        │ the lease is lost or released
///    winner ──────▶ leader                       │ (candidate, if the key is absent)
///       ▲  its record     ▲                      │
///       │  is written     │                      │
///       └───▶ doubtful ◀──┘            yielding ─┘
///         an answer was lost           from winner, leader and doubtful
/// ```
///
/// Every role leads to `stopping`. A process may also owe the receipt of an earlier term of its own
/// (``TermLedger/owesReceipt``); a candidate and a follower write it beside what else they do.
indirect enum Role: Equatable, Sendable {
  /// Has no lease and knows no holder: reads the key, or creates it where it is absent.
  ///
  /// To `follower` when another process holds the key, to `winner` when its creation is granted, to
  /// `stopping`.
  case candidate(isKeyAbsent: Bool)

  /// Another process holds the key: watches it, and reads it once per `--sleep` in case the watch is
  /// deaf.
  ///
  /// To `candidate` when the key is absent or has to be read, to `winner` when an earlier creation is
  /// granted, to `stopping`.
  case follower(Holder)

  /// Holds the lease, and may not install yet: renews, waits for the pod of an earlier term, and writes
  /// its record.
  ///
  /// To `leader` when the record is written, to `doubtful`, to `yielding`, to `stopping`; to `candidate`
  /// or `follower` when the lease is lost.
  /// - `since`: when the answer to the creation came.
  case winner(Lease, since: Instant)

  /// Holds the lease, and the record names its term: renews; the manifest is installed while the lease
  /// is believed.
  ///
  /// To `doubtful`, to `yielding`, to `stopping`; to `candidate` or `follower` when the lease is lost.
  case leader(Lease)

  /// Holds a lease and has to read the key, since an answer was lost or a request was refused. A leader
  /// keeps the manifest for as long as the lease is believed; only a granted renewal extends that.
  ///
  /// Back to `winner` or `leader` when the key is in our term, to `yielding`, to `stopping`; to
  /// `candidate` or `follower` when the lease is lost.
  /// - `since`: when a winner has won; `nil` for a leader.
  case doubtful(Lease, since: Instant?)

  /// Gives the lock away: removes the manifest, waits for the pod's end, writes the receipt and releases
  /// the lease.
  ///
  /// To `candidate` or `follower` when the lease is released or lost, to `stopping`.
  /// - `Role`: `winner`, `leader` or `doubtful`.
  case yielding(Role, Cause)

  /// Leaves the election in the steps of ``Stop``. No other role follows.
  /// - `Role`: any but `yielding` and `stopping`.
  case stopping(Stop, Role)

  /// Why a process gives the lock away.
  enum Cause: Equatable, Sendable {
    case cannotInstall(reason: String)
    case podFails(reason: String)
    /// An operator wants another node to lead.
    case steppedDown
  }

  /// How far a process is with leaving.
  enum Stop: Equatable, Sendable {
    /// Removes the manifest. To `awaitingPod`, to `recording`; to `finished` when it cannot be removed
    /// until then.
    case removing(until: Instant)
    /// Waits for the pod's end and renews meanwhile. To `recording`; to `releasing` when the pod does
    /// not end.
    case awaitingPod
    /// Writes the receipt, if one is owed. To `releasing`.
    case recording(refusals: Int)
    /// Releases the lease, if there is one. To `finished`.
    case releasing(refusals: Int)
    case finished(Election.Outcome)
  }

  /// What is known of the lock key.
  enum Key: Equatable, Sendable {
    /// It has to be read.
    case unknown
    case absent
    case held(Holder)
  }
}

// MARK: What a role knows

extension Role {
  /// The lease, believed or not.
  var lease: Lease? {
    switch self {
    case .candidate, .follower: nil
    case .winner(let lease, _), .leader(let lease), .doubtful(let lease, _): lease
    case .yielding(let role, _), .stopping(_, let role): role.lease
    }
  }

  var key: Key {
    switch self {
    case .candidate(let isKeyAbsent): isKeyAbsent ? .absent : .unknown
    case .follower(let holder): .held(holder)
    case .winner(let lease, _), .leader(let lease): .held(lease.holder)
    case .doubtful: .unknown
    case .yielding(let role, _), .stopping(_, let role): role.key
    }
  }

  /// When the lease was won, until the record names its term.
  var wonAt: Instant? {
    switch self {
    case .candidate, .follower, .leader: nil
    case .winner(_, let since): since
    case .doubtful(_, let since): since
    case .yielding(let role, _), .stopping(_, let role): role.wonAt
    }
  }

  /// Whether it wants to get or to keep the lock.
  var contends: Bool {
    switch self {
    case .candidate, .follower, .winner, .leader, .doubtful: true
    case .yielding, .stopping: false
    }
  }

  var stop: Stop? {
    guard case .stopping(let stop, _) = self else { return nil }
    return stop
  }

  var isFinished: Bool {
    guard case .stopping(.finished, _) = self else { return false }
    return true
  }
}

// MARK: Where it goes

extension Role {
  /// The key has to be read before anything else is done about it.
  mutating func doubt() {
    switch self {
    case .candidate, .follower: self = .candidate(isKeyAbsent: false)
    case .winner(let lease, let since): self = .doubtful(lease, since: since)
    case .leader(let lease): self = .doubtful(lease, since: nil)
    case .doubtful: break
    case .yielding(var role, let cause):
      role.doubt()
      self = .yielding(role, cause)
    case .stopping(let stop, var role):
      role.doubt()
      self = .stopping(stop, role)
    }
  }

  /// There is no lease, or none any more, and the key is as given.
  mutating func follow(_ key: Key) {
    let role: Role =
      switch key {
      case .unknown: .candidate(isKeyAbsent: false)
      case .absent: .candidate(isKeyAbsent: true)
      case .held(let holder): .follower(holder)
      }
    if case .stopping(let stop, _) = self {
      self = .stopping(stop, role)
    } else {
      self = role
    }
  }

  /// A creation was granted.
  mutating func win(_ lease: Lease, at now: Instant) {
    if case .stopping(let stop, _) = self {
      self = .stopping(stop, .winner(lease, since: now))
    } else {
      self = .winner(lease, since: now)
    }
  }

  /// The key is in the term of our lease, which is now as given.
  mutating func hold(_ lease: Lease) {
    switch self {
    case .candidate, .follower: break
    case .winner(_, let since): self = .winner(lease, since: since)
    case .leader: self = .leader(lease)
    case .doubtful(_, let since?): self = .winner(lease, since: since)
    case .doubtful(_, nil): self = .leader(lease)
    case .yielding(var role, let cause):
      role.hold(lease)
      self = .yielding(role, cause)
    case .stopping(let stop, var role):
      role.hold(lease)
      self = .stopping(stop, role)
    }
  }

  /// The record names our term.
  mutating func open() {
    switch self {
    case .candidate, .follower, .leader: break
    case .winner(let lease, _): self = .leader(lease)
    case .doubtful(let lease, _): self = .doubtful(lease, since: nil)
    case .yielding(var role, let cause):
      role.open()
      self = .yielding(role, cause)
    case .stopping(let stop, var role):
      role.open()
      self = .stopping(stop, role)
    }
  }

  /// A process that contends and holds a lease is to give the lock away.
  mutating func yield(for cause: Cause) {
    guard self.contends, self.lease != nil else { return }
    self = .yielding(self, cause)
  }

  /// Goes on with a stop, or begins one.
  mutating func stop(_ stop: Stop) {
    switch self {
    case .candidate, .follower, .winner, .leader, .doubtful: self = .stopping(stop, self)
    case .yielding(let role, _), .stopping(_, let role): self = .stopping(stop, role)
    }
  }
}
