/// Several durations in their order.
public struct Spread: Equatable, Sendable {
  private let sorted: [Duration]

  /// - Precondition: there is one at least.
  public init(_ durations: [Duration]) {
    precondition(!durations.isEmpty, "nothing was measured")
    self.sorted = durations.sorted()
  }

  /// The shortest one that is not shorter than this part of them: 0.5 for the median.
  public func quantile(_ fraction: Double) -> Duration {
    let rank = (Double(self.sorted.count) * fraction).rounded(.up)
    return self.sorted[min(max(Int(rank) - 1, 0), self.sorted.count - 1)]
  }
}
