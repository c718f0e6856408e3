import SeededRandom

/// What a simulation draws.
extension SeededGenerator {
  /// A generator of its own, so that what one part draws does not shift what another one gets.
  mutating func split() -> SeededGenerator { SeededGenerator(seed: self.next()) }

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
