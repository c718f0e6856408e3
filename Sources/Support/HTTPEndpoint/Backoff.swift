/// How long to wait before the next attempt while no member of the cluster answers: some random time
/// below a bound that doubles with each failure, so that those who lost the store at the same instant
/// do not come back at the same instant.
package struct Backoff: Equatable, Sendable {
  /// The bound after the first failure.
  package let first: Duration
  /// What no pause is longer than; zero for no pause at all.
  package let longest: Duration
  package private(set) var failures = 0

  package init(first: Duration = .milliseconds(20), longest: Duration) {
    self.first = first
    self.longest = longest
  }

  package mutating func failed() { self.failures += 1 }
  package mutating func succeeded() { self.failures = 0 }

  /// What the next pause is at most; zero without a failure.
  package var bound: Duration {
    guard self.failures > 0 else { return .zero }
    return min(self.first * (1 << min(self.failures - 1, 16)), self.longest)
  }

  /// The next pause.
  package func pause(using generator: inout some RandomNumberGenerator) -> Duration {
    let microseconds = Int64(self.bound / .microseconds(1))
    return .microseconds(Int64.random(in: 0...microseconds, using: &generator))
  }
}
