import Synchronization

/// What operators and probes see of an election, as a value: its snapshot, and counts of its reports.
public struct ElectionStatus: Equatable, Sendable {
  public let key: String
  public let name: String
  public let timing: Timing
  public private(set) var snapshot: Election.Snapshot
  /// When the loop turned last.
  public private(set) var turnedAt = Instant.start
  /// The store's failure that goes on.
  public private(set) var storeFailure: StoreFailure?
  /// Whether a leader was known once.
  public private(set) var hasBegun = false
  public private(set) var takeovers: [String: Int] = ["acquired": 0, "regained": 0]
  public private(set) var losses: [String: Int] = ["deadline": 0, "replaced": 0, "removed": 0]
  public private(set) var errors: [String: Int] = [
    "store": 0, "install": 0, "remove": 0, "disk": 0, "source": 0, "record": 0, "pod": 0,
    "name_clash": 0, "endless_lock": 0,
  ]
  /// How often the manifest was removed because the lease could no longer be believed.
  public private(set) var fences = 0

  public struct StoreFailure: Equatable, Sendable {
    public var since: Instant
    /// The latest one.
    public var reason: String
  }

  public init(key: String, election: Election) {
    self.key = key
    self.name = election.name
    self.timing = election.timing
    self.snapshot = election.snapshot(at: .start)
  }

  /// After each turn of the loop.
  public mutating func turned(_ election: Election, at now: Instant) {
    self.turnedAt = now
    self.snapshot = election.snapshot(at: now)
    if self.snapshot.leader != nil { self.hasBegun = true }
  }

  public mutating func note(_ report: Election.Report, at now: Instant) {
    switch report {
    case .acquired: self.takeovers["acquired", default: 0] += 1
    case .regained: self.takeovers["regained", default: 0] += 1
    case .lost(_, let loss):
      switch loss {
      case .deadline:
        self.losses["deadline", default: 0] += 1
        self.fences += 1
      case .replaced: self.losses["replaced", default: 0] += 1
      case .removed: self.losses["removed", default: 0] += 1
      }
    case .storeFails(let reason):
      self.errors["store", default: 0] += 1
      self.storeFailure = StoreFailure(since: self.storeFailure?.since ?? now, reason: reason)
    case .neverEnds: self.errors["endless_lock", default: 0] += 1
    case .storeAnswersAgain: self.storeFailure = nil
    case .storeWentBack:
      self.errors["store", default: 0] += 1
      self.fences += 1
    case .cannotInstall: self.errors["install", default: 0] += 1
    case .cannotRemove: self.errors["remove", default: 0] += 1
    case .diskFails: self.errors["disk", default: 0] += 1
    case .sourceFails: self.errors["source", default: 0] += 1
    case .recordFails: self.errors["record", default: 0] += 1
    case .podFails: self.errors["pod", default: 0] += 1
    case .nameClash: self.errors["name_clash", default: 0] += 1
    case .leading, .following, .waiting, .podHasEnded, .awaitingPodEnd, .podOverdue, .released,
      .notReleased, .steppingDown, .resuming:
      break
    }
  }

  /// Whether the loop has turned lately.
  public func isTurning(at now: Instant) -> Bool {
    now - self.turnedAt <= self.timing.sleep * 2 + .seconds(5)
  }

  /// Why the elector itself does not work, so that a restart may help; `nil` while it does.
  public func standstill(at now: Instant) -> String? {
    self.isTurning(at: now) ? nil : "the loop has not turned for \(now - self.turnedAt)"
  }

  /// Why an elector that works cannot do its job, which no restart mends; `nil` while it can.
  public func trouble(at now: Instant) -> String? {
    if let reason = self.snapshot.stuck { return "the manifest cannot be removed: \(reason)" }
    if let failure = self.storeFailure, now - failure.since > self.timing.renewPeriod {
      return "the store has failed for \(now - failure.since): \(failure.reason)"
    }
    return nil
  }
}

/// Shows a running election to other tasks, and passes operators' requests on to it.
public final class ElectionBoard: Sendable {
  public let key: String
  private let status: Mutex<ElectionStatus>
  private let start: ContinuousClock.Instant
  private let inbox: AsyncStream<Election.Event>.Continuation

  init(
    key: String, election: Election, start: ContinuousClock.Instant,
    inbox: AsyncStream<Election.Event>.Continuation
  ) {
    self.key = key
    self.status = Mutex(ElectionStatus(key: key, election: election))
    self.start = start
    self.inbox = inbox
  }

  /// The status, and the present instant on the election's clock.
  public func look() -> (status: ElectionStatus, now: Instant) {
    (self.status.withLock { $0 }, Instant(self.start.duration(to: .now)))
  }

  func update(_ change: (inout ElectionStatus) -> Void) { self.status.withLock { change(&$0) } }

  /// Leaves the lock to others for this time, or with `nil` until ``resume()``.
  public func stepDown(for duration: Duration?) { self.inbox.yield(.stepDown(for: duration)) }
  public func resume() { self.inbox.yield(.resume) }
  /// Leaves the lease to another elector for this time; an operator's step-down goes on.
  public func giveWay(for duration: Duration) { self.inbox.yield(.giveWay(for: duration)) }
}
