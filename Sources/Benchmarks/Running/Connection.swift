import NIOCore
import NIOPosix
import Synchronization

/// One connection, with one request after the other.
package struct Connection: Sendable {
  package struct Exchange: Sendable {
    /// Immediately before the request was written, and after the end of the answer was read.
    package let sentAt: ContinuousClock.Instant
    package let answeredAt: ContinuousClock.Instant
    package let status: Int
    package let bodyBytes: Int
  }

  private let channel: any Channel
  private let answer: Answer

  package static func with<Result: Sendable>(
    port: Int, _ body: (Connection) async throws -> Result
  ) async throws -> Result {
    let answer = Answer()
    let connections = try await Connections.open(
      1, port: port, on: MultiThreadedEventLoopGroup.singleton.next()
    ) { _, event, _ in
      answer.record(event, port: port)
    }
    let result: Swift.Result<Result, any Error>
    do {
      result = .success(
        try await body(Connection(channel: connections.channels[0], answer: answer)))
    } catch {
      result = .failure(error)
    }
    await connections.close()
    return try result.get()
  }

  /// - Throws: ``BenchmarkError``, but not for a status.
  package func exchange(_ request: Request) async throws -> Exchange {
    let isOver = Countdown(
      1, "an answer to \(request.method) \(request.target)", on: self.channel.eventLoop)
    self.answer.expect(isOver)
    let sentAt = ContinuousClock.now
    request.write(to: self.channel)
    try await isOver.wait()
    return self.answer.exchange(sentAt: sentAt)
  }

  /// - Throws: ``BenchmarkError/refused(target:status:)`` for a status that is no success.
  @discardableResult
  package func succeed(_ request: Request) async throws -> Exchange {
    let exchange = try await self.exchange(request)
    guard exchange.status < 300 else {
      throw BenchmarkError.refused(target: request.target, status: exchange.status)
    }
    return exchange
  }
}

/// The answer under way.
private final class Answer: Sendable {
  private struct State {
    var status = 0
    var answeredAt: ContinuousClock.Instant = .now
    var bodyBytes = 0
    var isOver: Countdown?
    var lost: BenchmarkError?
  }

  private let state = Mutex(State())

  func expect(_ isOver: Countdown) {
    let lost = self.state.withLock { state in
      state.isOver = isOver
      return state.lost
    }
    if let lost { isOver.fail(lost) }
  }

  func exchange(sentAt: ContinuousClock.Instant) -> Connection.Exchange {
    self.state.withLock {
      Connection.Exchange(
        sentAt: sentAt, answeredAt: $0.answeredAt, status: $0.status, bodyBytes: $0.bodyBytes)
    }
  }

  func record(_ event: Connections.Event, port: Int) {
    let now = ContinuousClock.now
    switch event {
    case .head(let status): self.state.withLock { $0.status = status }
    case .end(let bodyBytes):
      let isOver = self.state.withLock { state in
        state.answeredAt = now
        state.bodyBytes = bodyBytes
        return state.isOver
      }
      isOver?.count()
    case .closed:
      let lost = BenchmarkError.connectionLost(port: port)
      let isOver = self.state.withLock { state in
        state.lost = lost
        return state.isOver
      }
      isOver?.fail(lost)
    }
  }
}
