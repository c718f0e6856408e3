/// How long this process leaves the lock to others: after an operator's step-down, and after its pod could
/// not be started or did not run. A part of ``Election``, and a value like it.
struct StandBack: Equatable, Sendable {
  private let timing: Timing
  /// How often in a row the lock was given away since the pod failed.
  private var podFailures = 0
  /// Earliest time of the next attempt to create the lease.
  private(set) var due = Instant.start
  /// Whether only ``resume(at:)`` ends it.
  private(set) var isUnlimited = false

  init(timing: Timing) { self.timing = timing }

  /// How long the lock is left to others after the latest failure.
  var duration: Duration { self.timing.standBack(afterFailures: self.podFailures) }

  func isOver(at now: Instant) -> Bool { !self.isUnlimited && now >= self.due }

  /// What is left; `nil` when it is over or has no end.
  func rest(at now: Instant) -> Duration? {
    self.isUnlimited || now >= self.due ? nil : self.due - now
  }

  mutating func podFailed(at now: Instant) {
    self.podFailures += 1
    self.due = max(self.due, now + self.duration)
  }

  /// The pod runs well enough for earlier failures not to count any more.
  mutating func podProved() { self.podFailures = 0 }

  /// The lock was given away just now. Others come first from here on, since the pod's end may have taken
  /// longer than ``duration``.
  mutating func lockBecameFree(at now: Instant) { self.due = max(self.due, now + self.duration) }

  /// - Parameter duration: `nil` until ``resume(at:)``.
  mutating func stepDown(for duration: Duration?, at now: Instant) {
    self.isUnlimited = duration == nil
    if let duration { self.due = now + duration }
  }

  /// Another elector is to lead. Unlike ``stepDown(for:at:)`` it never shortens what is left.
  mutating func giveWay(for duration: Duration, at now: Instant) {
    self.due = max(self.due, now + duration)
  }

  mutating func resume(at now: Instant) {
    self.isUnlimited = false
    self.due = now
  }
}
