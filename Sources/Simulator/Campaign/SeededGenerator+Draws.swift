import SeededRandom

/// The random choices of a simulation.
extension SeededGenerator {
  /// A second generator, so that the draws of one part do not shift those of another.
  mutating func split() -> SeededGenerator { SeededGenerator(seed: self.next()) }

  /// `true` with this probability.
  mutating func hits(percent: Int) -> Bool { Int(self.next() % 100) < percent }

  /// A span of time, in nanoseconds.
  mutating func span(_ range: ClosedRange<Nanoseconds>) -> Nanoseconds {
    range.lowerBound
      + Nanoseconds(self.next() % UInt64(range.upperBound - range.lowerBound + 1))
  }

  mutating func index(below count: Int) -> Int { Int(self.next() % UInt64(count)) }

  /// Half of the time the limit itself, the worst case; else any shorter span.
  mutating func upTo(_ limit: Nanoseconds) -> Nanoseconds {
    self.hits(percent: 50) ? limit : self.span(0...limit)
  }
}
