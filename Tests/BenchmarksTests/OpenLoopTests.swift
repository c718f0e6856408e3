import TestCluster
import Testing

@testable import Benchmarks

@Suite struct OpenLoopTests {
  /// A loop of ten requests, one in ten milliseconds.
  private static func loop(connections: Int) -> OpenLoop {
    OpenLoop(rate: 100, duration: .milliseconds(100), connections: connections)
  }

  /// Plays a loop against a server that answers each request a while after it got it, but nothing during a pause.
  private static func play(
    _ loop: OpenLoop, answerTime: Duration, pause: Range<Duration> = .zero..<(.zero)
  ) -> [Duration] {
    var loop = loop
    var underWay: [(end: Duration, connection: Int)] = []
    var now = Duration.zero
    while !loop.isDone {
      while let sending = loop.next(at: now) {
        let end = now + answerTime
        underWay.append((pause.contains(end) ? pause.upperBound : end, sending.connection))
      }
      guard let next = ([loop.wake] + underWay.map(\.end)).compactMap(\.self).min() else { break }
      now = next
      for answer in underWay where answer.end <= now {
        loop.answered(by: answer.connection, at: now)
      }
      underWay.removeAll { $0.end <= now }
    }
    return loop.latencies
  }

  @Test(arguments: [
    (1, 0, 0), (1, 2, 2_000_000_000), (3, 1, 333_333_333), (3, 3, 1_000_000_000),
    (14_651, 14_651 * 60, 60_000_000_000),
  ])
  func `a request is due at its number by the rate`(rate: Int, request: Int, nanoseconds: Int) {
    let loop = OpenLoop(rate: rate, duration: .seconds(1), connections: 1)
    #expect(loop.due(request) == .nanoseconds(nanoseconds))
  }

  @Test(arguments: [
    (100, Duration.milliseconds(100), 10), (3, .seconds(60), 180), (1, .milliseconds(10), 1),
  ])
  func `it has as many requests as are due meanwhile`(rate: Int, duration: Duration, count: Int) {
    #expect(OpenLoop(rate: rate, duration: duration, connections: 1).count == count)
  }

  @Test func `a request goes when it is due, whether or not the one before has its answer`() {
    var loop = Self.loop(connections: 3)
    #expect(loop.wake == .zero)
    #expect(loop.next(at: .zero) == .init(request: 0, connection: 0))
    #expect(loop.next(at: .zero) == nil)
    #expect(loop.wake == .milliseconds(10))
    #expect(loop.next(at: .milliseconds(9)) == nil)
    // Two at once after a late alarm.
    #expect(loop.next(at: .milliseconds(20)) == .init(request: 1, connection: 1))
    #expect(loop.next(at: .milliseconds(20)) == .init(request: 2, connection: 2))
  }

  @Test func `while all connections are busy, no alarm rings, and an answer lets the next one go`()
  {
    var loop = Self.loop(connections: 1)
    #expect(loop.next(at: .zero)?.request == 0)
    #expect(loop.wake == nil)
    #expect(loop.next(at: .milliseconds(15)) == nil)
    #expect(loop.answered(by: 0, at: .milliseconds(15)) == 0)
    #expect(loop.wake == .milliseconds(10))
    #expect(loop.next(at: .milliseconds(15)) == .init(request: 1, connection: 0))
    loop.answered(by: 0, at: .milliseconds(18))
    #expect(loop.latencies == [.milliseconds(15), .milliseconds(8)])
  }

  @Test func `connections take turns`() {
    var loop = Self.loop(connections: 3)
    var order: [Int] = []
    for request in 0..<7 {
      guard let sending = loop.next(at: loop.due(request)) else { break }
      order.append(sending.connection)
      loop.answered(by: sending.connection, at: loop.due(request))
    }
    #expect(order == [0, 1, 2, 0, 1, 2, 0])
  }

  @Test func `after the last request there is none, and the loop is done with the last answer`() {
    var loop = Self.loop(connections: 20)
    var sent: [OpenLoop.Sending] = []
    while let sending = loop.next(at: .seconds(1)) { sent.append(sending) }
    #expect(sent.map(\.request) == Array(0..<10))
    #expect(loop.wake == nil)
    for sending in sent {
      #expect(!loop.isDone)
      loop.answered(by: sending.connection, at: .seconds(1))
    }
    #expect(loop.isDone)
    #expect(loop.wake == nil)
  }

  @Test func `an answer to no request is none`() {
    var loop = Self.loop(connections: 2)
    #expect(loop.answered(by: 1, at: .zero) == nil)
    #expect(loop.latencies.isEmpty)
    #expect(loop.next(at: .zero)?.connection == 0)
  }

  @Test(arguments: [1, 2, 64])
  func `a fast server's latencies are its answer times, and each request has one`(connections: Int)
  {
    let latencies = Self.play(Self.loop(connections: connections), answerTime: .milliseconds(3))
    #expect(latencies == [Duration](repeating: .milliseconds(3), count: 10))
  }

  /// With coordinated omission, there would be one slow request.
  @Test func `a server that pauses pays for each request that was due in the pause`() throws {
    // From 18 to 60 ms: requests 2 to 5 are due at 20 to 50 ms.
    let latencies = Self.play(
      Self.loop(connections: 1), answerTime: .milliseconds(1),
      pause: .milliseconds(18)..<(.milliseconds(60)))
    #expect(
      latencies.map { Int($0 / .milliseconds(1)) } == [1, 1, 40, 31, 22, 13, 4, 1, 1, 1])
    #expect(try #require(Distribution(latencies)).quantile(Tail.p50.fraction) == .milliseconds(1))
  }

  @Test func `a server slower than the rate falls behind for good`() {
    let latencies = Self.play(Self.loop(connections: 2), answerTime: .milliseconds(30))
    #expect(latencies.last == .milliseconds(30 * 5 + 10 - 90))
    #expect(latencies.sorted() == latencies)
  }

  @Test func `the tail is that of all requests`() throws {
    let times = try #require(Distribution((1...10_000).map { Duration.microseconds($0) }))
    #expect(
      Tail.allCases.map { times.quantile($0.fraction) } == [
        .microseconds(5000), .microseconds(9900), .microseconds(9990),
      ])
  }
}
