/// A source of chance that a seed determines, bit for bit, on every machine.
///
/// Source: SplitMix64, Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014.
public struct Chance: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) {
    self.state = seed
  }

  public mutating func next() -> UInt64 {
    self.state &+= 0x9e37_79b9_7f4a_7c15
    var word = self.state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }

  /// A generator of its own, so that what one part draws does not shift what another one gets.
  mutating func split() -> Chance { Chance(seed: self.next()) }

  /// Whether something of this likelihood happens.
  mutating func hits(percent: Int) -> Bool { Int(self.next() % 100) < percent }

  /// A span of time, in nanoseconds.
  mutating func span(_ range: ClosedRange<Nanoseconds>) -> Nanoseconds {
    range.lowerBound
      + Nanoseconds(self.next() % UInt64(range.upperBound - range.lowerBound + 1))
  }

  mutating func index(below count: Int) -> Int { Int(self.next() % UInt64(count)) }

  /// Up to a limit, and the limit itself half of the time: what may take so long at the worst.
  mutating func upTo(_ limit: Nanoseconds) -> Nanoseconds {
    self.hits(percent: 50) ? limit : self.span(0...limit)
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

  /// A duration, rounded up: an alarm that rings a moment early would ring for ever.
  init(roundingUp duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self = seconds * 1_000_000_000 + (attoseconds + 999_999_999) / 1_000_000_000
  }

  var duration: Duration { .nanoseconds(self) }
}
