/// Admits one log line of a kind per period and counts the others, so that no client can fill the log.
struct LogThrottle: Sendable {
  let period: Duration
  private var nextLine: ContinuousClock.Instant?
  private var heldBack = 0

  init(period: Duration = .seconds(10)) {
    self.period = period
  }

  /// - Returns: `nil` to hold the line back, else the number held back since the last one.
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
