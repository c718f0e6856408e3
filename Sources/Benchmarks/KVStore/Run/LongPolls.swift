import NIOCore
import NIOPosix
import Synchronization

/// Long polls for one event each, all on one thread.
package final class LongPolls: Sendable {
  private struct State {
    /// When each watcher had its whole answer.
    var answeredAt: [ContinuousClock.Instant]
    var waiting: Countdown?
    var answered: Countdown?
    var failure: BenchmarkError?
  }

  private let targets: [String]
  private let eventLoop: any EventLoop
  private let state: Mutex<State>

  private init(targets: [String]) {
    self.targets = targets
    self.eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    self.state = Mutex(
      State(answeredAt: [ContinuousClock.Instant](repeating: .now, count: targets.count)))
  }

  /// Opens a connection for each key, and closes them after the body.
  package static func with<Result: Sendable>(
    keys: [String], port: Int, _ body: (Open) async throws -> Result
  ) async throws -> Result {
    let polls = LongPolls(targets: keys.map { $0 + "?wait=true" })
    let connections = try await Connections.open(keys.count, port: port, on: polls.eventLoop) {
      index, event, _ in polls.record(event, of: index, port: port)
    }
    let result: Swift.Result<Result, any Error>
    do {
      result = .success(try await body(Open(polls: polls, connections: connections)))
    } catch {
      result = .failure(error)
    }
    await connections.close()
    return try result.get()
  }

  /// The watchers, for the body of ``with(keys:port:_:)``.
  package struct Open: Sendable {
    fileprivate let polls: LongPolls
    fileprivate let connections: Connections

    /// Makes these watchers wait; on return the server has sent each of them a head. Those that wait already wait
    /// on.
    /// - Parameter indices: not empty; none that waits already.
    package func arm(_ indices: Range<Int>) async throws {
      let polls = self.polls
      let channels = self.connections.channels
      let waiting = Countdown(indices.count, "the watchers' heads", on: polls.eventLoop)
      let answered = Countdown(indices.count, "the watchers' answers", on: polls.eventLoop)
      let failure = polls.state.withLock { state in
        state.waiting = waiting
        state.answered = answered
        return state.failure
      }
      if let failure {
        waiting.fail(failure)
        answered.fail(failure)
      }
      polls.eventLoop.execute {
        for index in indices { Request(.GET, polls.targets[index]).write(to: channels[index]) }
      }
      try await waiting.wait()
    }

    /// Waits until all watchers that were armed last have their answers.
    /// - Returns: when each watcher had its last answer, in the order of the keys.
    package func answers() async throws -> [ContinuousClock.Instant] {
      try await self.polls.state.withLock(\.answered)?.wait()
      return self.polls.state.withLock(\.answeredAt)
    }
  }

  private func record(_ event: Connections.Event, of index: Int, port: Int) {
    switch event {
    case .head(let status):
      if status == 200 {
        self.state.withLock(\.waiting)?.count()
      } else {
        self.fail(.refused(target: self.targets[index], status: status))
      }
    case .end:
      let now = ContinuousClock.now
      let answered = self.state.withLock { state in
        state.answeredAt[index] = now
        return state.answered
      }
      answered?.count()
    case .closed: self.fail(.connectionLost(port: port))
    }
  }

  private func fail(_ error: BenchmarkError) {
    let (waiting, answered) = self.state.withLock { state in
      state.failure = error
      return (state.waiting, state.answered)
    }
    waiting?.fail(error)
    answered?.fail(error)
  }
}
