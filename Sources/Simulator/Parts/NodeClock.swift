/// A machine's clock that counts since its boot: not quite as fast as simulated time.
struct NodeClock: Sendable {
  /// In simulated time.
  let bootedAt: Nanoseconds
  /// How many nanoseconds it gains in a second of simulated time.
  let gain: Int64

  /// What it shows; runs of up to a day are as exact as a nanosecond.
  func reading(at now: Nanoseconds) -> Nanoseconds {
    let elapsed = now - self.bootedAt
    return elapsed + Self.share(elapsed, self.gain)
  }

  /// The first instant of simulated time at which it shows this, or more.
  func time(of reading: Nanoseconds) -> Nanoseconds {
    var now = self.bootedAt + reading
    for _ in 0..<3 { now += reading - self.reading(at: now) }
    while self.reading(at: now) >= reading { now -= 1 }
    while self.reading(at: now) < reading { now += 1 }
    return now
  }

  /// `gain` per second, of so many nanoseconds.
  private static func share(_ span: Nanoseconds, _ gain: Int64) -> Nanoseconds {
    let (seconds, rest) = span.quotientAndRemainder(dividingBy: 1_000_000_000)
    return seconds * gain + rest * gain / 1_000_000_000
  }
}
