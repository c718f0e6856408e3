import NIOCore

extension EventLoopPromise where Value: Sendable {
  /// What came of it. A task that is cancelled ends the wait, and with it the promise.
  func outcome() async -> Result<Value, any Error> {
    do {
      return .success(
        try await withTaskCancellationHandler {
          try await self.futureResult.get()
        } onCancel: {
          self.fail(CancellationError())
        })
    } catch {
      return .failure(error)
    }
  }
}
