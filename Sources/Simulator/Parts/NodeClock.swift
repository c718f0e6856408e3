/// A machine's clock since boot, with a rate of its own.
struct NodeClock: Sendable {
  /// In simulated time.
  private(set) var bootedAt: Nanoseconds
  /// Nanoseconds gained per second of simulated time.
  private(set) var gain: Int64

  /// When the machine was paused, in simulated time: the clock stood.
  private(set) var pauses: [Range<Nanoseconds>] = []

  init(bootedAt: Nanoseconds, gain: Int64) {
    self.bootedAt = bootedAt
    self.gain = gain
  }

  /// - Parameter pause: later than all others.
  mutating func stand(during pause: Range<Nanoseconds>) { self.pauses.append(pause) }

  /// Another machine's clock goes on from here, at a rate of its own; for a clock that never stood.
  mutating func pass(toGain gain: Int64, at now: Nanoseconds) {
    let reading = self.running(now)
    self.gain = gain
    self.bootedAt = now - (reading - Self.share(reading, gain))
    // The estimate may be a little early, and no clock goes back.
    while self.running(now) < reading { self.bootedAt -= 1_000 }
  }

  /// Exact to a nanosecond for up to a day.
  func reading(at now: Nanoseconds) -> Nanoseconds {
    let stood = self.pauses.reduce(0) { $0 + max(0, min(now, $1.upperBound) - $1.lowerBound) }
    return self.running(now - stood)
  }

  /// The reading of a clock that never stood.
  private func running(_ now: Nanoseconds) -> Nanoseconds {
    let elapsed = now - self.bootedAt
    return elapsed + Self.share(elapsed, self.gain)
  }

  /// The first instant at which the clock shows this reading, or more.
  func time(of reading: Nanoseconds) -> Nanoseconds {
    var now = self.bootedAt + reading
    for _ in 0..<3 { now += reading - self.running(now) }
    while self.running(now) >= reading { now -= 1 }
    while self.running(now) < reading { now += 1 }
    for pause in self.pauses where now > pause.lowerBound {
      now += pause.upperBound - pause.lowerBound
    }
    return now
  }

  /// The gain over a span.
  private static func share(_ span: Nanoseconds, _ gain: Int64) -> Nanoseconds {
    let (seconds, rest) = span.quotientAndRemainder(dividingBy: 1_000_000_000)
    return seconds * gain + rest * gain / 1_000_000_000
  }
}

/// Simulated time in nanoseconds since the simulation began, or a span of it.
public typealias Nanoseconds = Int64

extension Nanoseconds {
  static func seconds(_ count: Int64) -> Self { count * 1_000_000_000 }
  static func milliseconds(_ count: Int64) -> Self { count * 1_000_000 }

  /// A duration, rounded down.
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }

  /// A duration, rounded up: an alarm that rings early would be set again and again.
  init(roundingUp duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self = seconds * 1_000_000_000 + (attoseconds + 999_999_999) / 1_000_000_000
  }

  var duration: Duration { .nanoseconds(self) }
}
