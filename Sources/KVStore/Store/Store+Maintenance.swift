import Dispatch
import Synchronization

/// What an operator asks of a running store, and work that no event loop should do.
extension Store {
  /// Does work that grows with the number of keys, on a thread of its own.
  func readAside(_ work: @escaping @Sendable () -> Void) { self.reads.async(execute: work) }

  /// Returns when the writer has taken a request that changes nothing.
  func writerTurn() async {
    await withCheckedContinuation { continuation in
      self.submit(.keepAlive(0), on: nil) { _ in continuation.resume() }
    }
  }

  /// It reads the disk.
  var size: Database.Size { self.database.size }

  /// Requests that the writer has not taken.
  var waitingCount: Int { self.inbox.withLock { $0.requestCount } }

  /// `nil` in memory.
  var directory: DataDirectory? { self.database.directory }

  /// Gives memory back that the start and updates of the tables have taken, once none has come for a while. Called on
  /// ``folds``.
  func planRelease() {
    let number = self.foldCount.wrappingAdd(1, ordering: .relaxed).newValue
    self.folds.asyncAfter(deadline: .now() + .seconds(6)) { [weak self] in
      guard let self, self.foldCount.load(ordering: .relaxed) == number else { return }
      self.database.releaseMemory()
    }
  }

  /// Gives free pages of the tables back, on another thread.
  /// - Parameter reply: gets what went wrong.
  func defragment(_ reply: @escaping @Sendable (String?) -> Void) {
    self.folds.async {
      do {
        try self.database.defragment()
        reply(nil)
      } catch {
        reply("\(error)")
      }
    }
  }
}
