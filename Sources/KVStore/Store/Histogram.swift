/// Counts of measured values by range, as in Prometheus.
struct Histogram: Equatable, Sendable {
  /// The largest value of each range, ascending. Larger values have a range of their own.
  let bounds: [Double]
  /// Values per range.
  private(set) var counts: [Int]
  private(set) var sum = 0.0

  init(bounds: [Double]) {
    self.bounds = bounds
    self.counts = Array(repeating: 0, count: bounds.count + 1)
  }

  /// `count` bounds, each twice the one before.
  init(doublingFrom first: Double, count: Int) {
    self.init(bounds: (0..<count).map { first * Double(1 << $0) })
  }

  mutating func record(_ value: Double) {
    self.counts[self.bounds.firstIndex { value <= $0 } ?? self.bounds.count] += 1
    self.sum += value
  }
}
