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
/// A process that holds the lease can yield, and any can stop; both keep what is known of the lock key. A
/// process may also owe the receipt of an earlier term of its own (``TermLedger/owesReceipt``); a candidate
/// and a follower write it beside what else they do.
struct Role: Equatable, Sendable {
  enum Standing: Equatable, Sendable {
    /// Has no lease and knows no holder: reads the key, or creates it where it is absent.
    ///
    /// To `follower` when another process holds the key, to `winner` when its creation is granted.
    case candidate(isKeyAbsent: Bool)

    /// Another process holds the key: watches it, and reads it once per `--sleep` in case the watch is
    /// deaf.
    ///
    /// To `candidate` when the key is absent or has to be read, to `winner` when an earlier creation is
    /// granted.
    case follower(Holder)

    /// Holds the lease, and may not install yet: renews, waits for the pod of an earlier term, and writes
    /// its record.
    ///
    /// To `leader` when the record is written, to `doubtful`; to `candidate` or `follower` when the lease is
    /// lost.
    /// - `since`: when the answer to the creation came.
    case winner(Lease, since: Instant)

    /// Holds the lease, and the record names its term: renews; the manifest is installed while the lease
    /// is believed.
    ///
    /// To `doubtful`; to `candidate` or `follower` when the lease is lost.
    case leader(Lease)

    /// Holds a lease and has to read the key, since an answer was lost or a request was refused. A leader
    /// keeps the manifest for as long as the lease is believed; only a granted renewal extends that.
    ///
    /// Back to `winner` or `leader` when the key is in our term; to `candidate` or `follower` when the lease
    /// is lost.
    /// - `since`: when a winner has won; `nil` for a leader.
    case doubtful(Lease, since: Instant?)
  }

  enum Leaving: Equatable, Sendable {
    /// Gives the lock away: removes the manifest, waits for the pod's end, writes the receipt and releases
    /// the lease. It ends when the lease is released or lost. To `stopping`.
    case yielding(Cause)
    /// Leaves the election in the steps of ``Stop``. It does not end.
    case stopping(Stop)
  }

  /// Why a process gives the lock away.
  enum Cause: Equatable, Sendable {
    case cannotInstall(reason: String)
    case podFails(reason: String)
    /// An operator wants another node to lead.
    case steppedDown
  }

  /// How far a process is with leaving.
  enum Stop: Equatable, Sendable {
    /// Removes the manifest. To `awaitingPod`, to `recording`. While it cannot be removed, it renews the
    /// lease; to `finished` when there is none and it could not be removed until then.
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

  var standing = Standing.candidate(isKeyAbsent: false)
  /// `nil` while it wants to get or to keep the lock.
  var leaving: Leaving?

  // MARK: What it knows

  /// The lease, believed or not.
  var lease: Lease? {
    switch self.standing {
    case .candidate, .follower: nil
    case .winner(let lease, _), .leader(let lease), .doubtful(let lease, _): lease
    }
  }

  var key: Key {
    switch self.standing {
    case .candidate(let isKeyAbsent): isKeyAbsent ? .absent : .unknown
    case .follower(let holder): .held(holder)
    case .winner(let lease, _), .leader(let lease): .held(lease.holder)
    case .doubtful: .unknown
    }
  }

  /// When the lease was won, until the record names its term.
  var wonAt: Instant? {
    switch self.standing {
    case .candidate, .follower, .leader: nil
    case .winner(_, let since): since
    case .doubtful(_, let since): since
    }
  }

  /// Whether it wants to get or to keep the lock.
  var contends: Bool { self.leaving == nil }

  var stop: Stop? { if case .stopping(let stop) = self.leaving { stop } else { nil } }

  var isFinished: Bool { if case .finished = self.stop { true } else { false } }

  // MARK: Where it goes

  /// The key has to be read before anything else is done about it.
  mutating func doubt() {
    switch self.standing {
    case .candidate, .follower: self.standing = .candidate(isKeyAbsent: false)
    case .winner(let lease, let since): self.standing = .doubtful(lease, since: since)
    case .leader(let lease): self.standing = .doubtful(lease, since: nil)
    case .doubtful: break
    }
  }

  /// There is no lease, or none any more, and the key is as given.
  mutating func follow(_ key: Key) {
    switch key {
    case .unknown: self.standing = .candidate(isKeyAbsent: false)
    case .absent: self.standing = .candidate(isKeyAbsent: true)
    case .held(let holder): self.standing = .follower(holder)
    }
    if self.stop == nil { self.leaving = nil }
  }

  /// A creation was granted.
  mutating func win(_ lease: Lease, at now: Instant) {
    self.standing = .winner(lease, since: now)
  }

  /// The key is in the term of our lease, which is now as given.
  mutating func hold(_ lease: Lease) {
    guard self.lease != nil else { return }
    self.standing = self.wonAt.map { .winner(lease, since: $0) } ?? .leader(lease)
  }

  /// Our lease is older than it seemed.
  mutating func age(_ lease: Lease) {
    switch self.standing {
    case .candidate, .follower: break
    case .winner(_, let since): self.standing = .winner(lease, since: since)
    case .leader: self.standing = .leader(lease)
    case .doubtful(_, let since): self.standing = .doubtful(lease, since: since)
    }
  }

  /// The record names our term.
  mutating func open() {
    switch self.standing {
    case .candidate, .follower, .leader: break
    case .winner(let lease, _): self.standing = .leader(lease)
    case .doubtful(let lease, _): self.standing = .doubtful(lease, since: nil)
    }
  }

  /// A process that contends and holds a lease is to give the lock away.
  mutating func yield(for cause: Cause) {
    if self.contends, self.lease != nil { self.leaving = .yielding(cause) }
  }

  /// Goes on with a stop, or begins one.
  mutating func stop(_ stop: Stop) { self.leaving = .stopping(stop) }
}

/// The lock key as this process holds it.
public struct Lease: Equatable, Sendable {
  /// Us, as far as we know of our last change; a renewal and a release are compared with its index.
  public var holder: Holder
  /// When the request that was granted last was sent. The store counts the lease's time from later.
  public var sentAt: Instant

  /// Constant over renewals and larger for each new holder, hence a fencing token.
  public var term: UInt64 { self.holder.term }
  public var modifiedIndex: UInt64 { self.holder.modifiedIndex }
}
