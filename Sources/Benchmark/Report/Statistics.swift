/// The middle and the ends of several measurements of one thing.
package struct Spread: Equatable, Sendable {
  package let lowest: Double
  package let median: Double
  package let highest: Double

  /// `nil` when there are none. Of an even number of values the median is the mean of the middle two.
  package init?(_ values: some Sequence<Double>) {
    let sorted = values.sorted()
    guard let lowest = sorted.first, let highest = sorted.last else { return nil }
    let middle = sorted.count / 2
    self.lowest = lowest
    self.highest = highest
    self.median =
      sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
  }
}

extension Collection<Double> {
  /// The smallest value that is not exceeded by `percent` of all values (nearest rank).
  /// - Returns: `nil` when there are none.
  /// - Precondition: `percent` is above 0 and at most 100.
  func percentile(_ percent: Double) -> Double? {
    precondition(percent > 0 && percent <= 100, "\(percent) is no percentage")
    guard !self.isEmpty else { return nil }
    let rank = (percent / 100 * Double(self.count)).rounded(.up)
    return self.sorted()[Int(rank) - 1]
  }
}
