/// Several measurements of one thing, sorted.
package struct Distribution<Value: Comparable & Sendable>: Sendable {
  private let sorted: [Value]

  /// - Returns: `nil` when nothing was measured.
  package init?(_ values: some Sequence<Value>) {
    self.sorted = values.sorted()
    if self.sorted.isEmpty { return nil }
  }

  /// The smallest value that at least this share of all values does not exceed (nearest rank): 0.5 for
  /// the median, 0 for the lowest, 1 for the highest.
  package func quantile(_ fraction: Double) -> Value {
    let rank = (Double(self.sorted.count) * fraction).rounded(.up)
    return self.sorted[min(max(Int(rank) - 1, 0), self.sorted.count - 1)]
  }

  package var lowest: Value { self.quantile(0) }
  package var highest: Value { self.quantile(1) }
}

extension Distribution: Equatable {}

extension Distribution<Double> {
  /// For an even number of values, the mean of the middle two.
  package var median: Double {
    let middle = self.sorted.count / 2
    return self.sorted.count.isMultiple(of: 2)
      ? (self.sorted[middle - 1] + self.sorted[middle]) / 2 : self.sorted[middle]
  }
}
