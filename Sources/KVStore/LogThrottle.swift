/// Lets one line of a kind through in a period and counts the others, so that nobody fills the log by
/// doing the same thing often.
struct LogThrottle: Sendable {
  let period: Duration
  private var nextLine: ContinuousClock.Instant?
  private var heldBack = 0

  init(period: Duration = .seconds(10)) {
    self.period = period
  }

  /// - Returns: `nil` when the line is to be held back, else how many were since the one before.
  mutating func admit(at now: ContinuousClock.Instant = .now) -> Int? {
    if let nextLine, now < nextLine {
      self.heldBack += 1
      return nil
    }
    defer { self.heldBack = 0 }
    self.nextLine = now + self.period
    return self.heldBack
  }
}
