import SeededRandom
import TestSupport
import Testing

@testable import HTTPEndpoint

@Suite struct EndpointBackoffTests {
  private func bounds(failures: Int, longest: Duration) -> [Duration] {
    var backoff = EndpointBackoff(first: .milliseconds(20), longest: longest)
    return (0..<failures).map { _ in
      backoff.failed()
      return backoff.bound
    }
  }

  @Test func theBoundDoublesUpToTheLongest() {
    #expect(
      self.bounds(failures: 6, longest: .milliseconds(200))
        == [20, 40, 80, 160, 200, 200].map { Duration.milliseconds($0) })
    #expect(self.bounds(failures: 100, longest: .seconds(1)).last == .seconds(1))
    #expect(self.bounds(failures: 3, longest: .zero) == [.zero, .zero, .zero])
  }

  @Test func thereIsNoneWithoutAFailure() {
    var backoff = EndpointBackoff(longest: .seconds(1))
    var generator = SeededGenerator(seed: 1)
    #expect(backoff.pause(using: &generator) == .zero)
    backoff.failed()
    #expect(backoff.bound > .zero)
    backoff.succeeded()
    #expect(backoff.pause(using: &generator) == .zero)
  }

  @Test func thoseWhoFailTogetherDoNotComeBackTogether() {
    var generator = SeededGenerator(seed: 1)
    var backoff = EndpointBackoff(longest: .seconds(1))
    for _ in 0..<5 { backoff.failed() }
    let pauses = (0..<1000).map { _ in backoff.pause(using: &generator) }
    #expect(backoff.bound == .milliseconds(320))
    #expect(Set(pauses).count > 900)
    #expect(pauses.allSatisfy { $0 <= .milliseconds(320) })
    #expect(
      pauses.contains { $0 < .milliseconds(32) } && pauses.contains { $0 > .milliseconds(288) })
  }
}
