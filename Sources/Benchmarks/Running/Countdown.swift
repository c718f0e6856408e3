import NIOCore
import Synchronization

/// Ends when it was counted down to 0, or with an error.
package final class Countdown: Sendable {
  private let left: Mutex<Int>
  private let promise: EventLoopPromise<Void>

  /// - Parameters:
  ///   - count: above 0.
  ///   - what: the name of what it waits for, for a time-out.
  package init(
    _ count: Int, _ what: String, within limit: TimeAmount = .minutes(1),
    on eventLoop: any EventLoop
  ) {
    self.left = Mutex(count)
    let promise = eventLoop.makePromise(of: Void.self)
    self.promise = promise
    let timeout = eventLoop.scheduleTask(in: limit) {
      promise.fail(BenchmarkError.timedOut(what))
    }
    promise.futureResult.whenComplete { _ in timeout.cancel() }
  }

  package func count() {
    let left = self.left.withLock { left in
      left -= 1
      return left
    }
    if left == 0 { self.promise.succeed() }
  }

  package func fail(_ error: any Error) { self.promise.fail(error) }

  package func wait() async throws { try await self.promise.futureResult.get() }
}
