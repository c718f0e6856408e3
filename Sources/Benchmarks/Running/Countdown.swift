import NIOCore
import Synchronization

/// Is waited for until it was counted down, or something went wrong.
package final class Countdown: Sendable {
  private let left: Mutex<Int>
  private let promise: EventLoopPromise<Void>

  /// - Parameters:
  ///   - count: above 0.
  ///   - what: what is waited for, for the error when the time is up.
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
