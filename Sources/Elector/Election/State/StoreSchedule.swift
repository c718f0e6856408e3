/// When what goes to the store: the request and the watch under way, and the earliest times of the next
/// ones. A part of ``Election``, and a value like it.
struct StoreSchedule: Equatable, Sendable {
  private let timing: Timing
  /// By how much the pauses of a process without a lease are longer, from 0 to 0.2: so that many
  /// followers do not send at one instant.
  private let jitter: Double
  private var lastID = 0

  /// The request that has no answer yet; there is never more than one.
  private(set) var inFlight: Election.Request?
  /// Earliest time of the next request about the lock key.
  private(set) var requestDue = Instant.start
  /// Earliest time of a follower's next read.
  private var readDue = Instant.start
  private var failures = 0

  /// The index of the store up to which all that is known of the key is true.
  private(set) var index: UInt64 = 0

  private(set) var watch: Int?
  /// The index after which the next watch begins.
  private var watchAfter: UInt64 = 0
  private(set) var watchDue = Instant.start
  private var watchFailures = 0

  init(timing: Timing, jitter: Double) {
    self.timing = timing
    self.jitter = jitter
  }

  // MARK: Requests

  mutating func send(_ kind: Election.Request.Kind, at now: Instant) -> Election.Effect {
    self.lastID += 1
    let request = Election.Request(id: self.lastID, kind: kind, sentAt: now, storeIndex: self.index)
    self.inFlight = request
    return .send(request)
  }

  /// The request under way was sent longer ago than our clock says.
  mutating func age(by lost: Duration) {
    if let request = self.inFlight { self.inFlight?.sentAt = request.sentAt + (.zero - lost) }
  }

  /// - Returns: the request that was answered; `nil` when this one is not under way.
  mutating func answered(_ id: Int, _ answer: Election.Answer) -> Election.Request? {
    guard let request = self.inFlight, request.id == id else { return nil }
    self.inFlight = nil
    if request.kind == .read { self.readDue = self.nextRead(after: request, answer) }
    return request
  }

  /// When to read the key again, whatever the watch brings: a connection that was cut silently brings
  /// nothing. So a lease that is not renewed is read again when it ends.
  private func nextRead(after request: Election.Request, _ answer: Election.Answer) -> Instant {
    let usual = request.sentAt + self.jittered(self.timing.sleep)
    guard case .found(_, _, let rest) = answer, let remaining = rest.duration else { return usual }
    return min(usual, request.sentAt + max(remaining, Self.shortestReadPause))
  }

  /// Bounds the reads of a lease that has ended by the store's own word.
  private static let shortestReadPause = Duration.milliseconds(100)

  /// Earliest time of a follower's next read.
  var nextReadDue: Instant { max(self.requestDue, self.readDue) }

  mutating func succeeded() { self.failures = 0 }

  mutating func failed(at now: Instant, keepingLease: Bool) {
    self.failures += 1
    let pause = self.timing.retryPause(afterFailures: self.failures, keepingLease: keepingLease)
    self.requestDue = now + (keepingLease ? pause : self.jittered(pause))
  }

  /// The store refused a request: the next one follows at once the first time, but not in a loop, should
  /// the store contradict itself.
  mutating func refused(at now: Instant) {
    self.failures += 1
    self.requestDue =
      self.failures == 1
      ? now : now + self.timing.retryPause(afterFailures: self.failures, keepingLease: true)
  }

  private func jittered(_ pause: Duration) -> Duration { pause * (1 + self.jitter) }

  // MARK: What is known

  /// The key is known as it was at an index, which is not smaller than ``index`` unless the store went
  /// back.
  mutating func learned(at index: UInt64) {
    self.index = index
    self.watchAfter = index
  }

  /// A write of ours was applied at an index.
  mutating func wrote(at index: UInt64) { self.index = max(self.index, index) }

  // MARK: The watch

  mutating func startWatch() -> Election.Effect {
    self.lastID += 1
    self.watch = self.lastID
    return .watch(id: self.lastID, after: self.watchAfter)
  }

  /// The watch may be deaf: the next one begins where we are.
  mutating func dropWatch() { self.watch = nil }

  /// - Returns: whether this watch was under way until now.
  mutating func watchEnded(_ id: Int) -> Bool {
    guard id == self.watch else { return false }
    self.watch = nil
    return true
  }

  mutating func watchSaw(_ index: UInt64) {
    self.watchFailures = 0
    self.watchAfter = max(self.watchAfter, index)
  }

  /// The key has to be read: at once the first time, but not in a loop with a store that forgets
  /// everything.
  mutating func historyCleared(at now: Instant) {
    if self.watchFailures > 0 { self.requestDue = max(self.requestDue, self.watchPause(from: now)) }
    self.watchFailures += 1
  }

  mutating func watchFailed(at now: Instant) {
    self.watchFailures += 1
    self.watchDue = self.watchPause(from: now)
  }

  private func watchPause(from now: Instant) -> Instant {
    now
      + self.jittered(
        self.timing.retryPause(afterFailures: self.watchFailures, keepingLease: false))
  }
}
