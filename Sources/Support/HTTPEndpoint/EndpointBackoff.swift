/// The pause before the next request while no server answers: random, below a bound that doubles with each
/// failure. So the clients that lost a server at one instant do not return at one instant.
package struct EndpointBackoff: Equatable, Sendable {
  /// The bound after the first failure.
  package let first: Duration
  /// The largest bound; zero for no pauses.
  package let longest: Duration
  package private(set) var failures = 0

  package init(first: Duration = .milliseconds(20), longest: Duration) {
    self.first = first
    self.longest = longest
  }

  package mutating func failed() { self.failures += 1 }
  package mutating func succeeded() { self.failures = 0 }

  /// The longest that the next pause can be; zero without a failure.
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
