import Linux
import Testing

@Suite struct RestartBackoffTests {
  @Test func `each quick end waits twice as long as the one before, up to the limit`() {
    var backoff = RestartBackoff(initial: .milliseconds(100), limit: .seconds(1))
    let delays = (0..<6).map { _ in backoff.delay(afterRunningFor: .milliseconds(5)) }
    #expect(
      delays == [
        .milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(800),
        .seconds(1), .seconds(1),
      ])
  }

  @Test func `a long run starts the series over`() {
    var backoff = RestartBackoff(initial: .milliseconds(100), resetAfter: .seconds(10))
    _ = backoff.delay(afterRunningFor: .zero)
    _ = backoff.delay(afterRunningFor: .zero)
    #expect(backoff.delay(afterRunningFor: .seconds(9)) == .milliseconds(400))
    #expect(backoff.delay(afterRunningFor: .seconds(10)) == .milliseconds(100))
  }
}
