import Dispatch
import Synchronization

/// What an operator asks of a running store, and work that no event loop should do.
extension Store {
  /// Does work that grows with the number of keys, on a thread of its own.
  /// - Parameter isLong: whether all there is is read.
  func readAside(isLong: Bool = false, _ work: @escaping @Sendable () -> Void) {
    (isLong ? self.longReads : self.reads).async(execute: work)
  }

  /// Returns when the writer has taken a request that changes nothing; where too much waits for it, once it has taken that.
  func writerTurn() async {
    while true {
      let isTaken = await withCheckedContinuation { continuation in
        self.submit(.keepAlive(0), on: nil) { result in
          if case .failure(.tooManyRequests) = result {
            continuation.resume(returning: false)
          } else {
            continuation.resume(returning: true)
          }
        }
      }
      guard !isTaken, (try? await Task.sleep(for: .milliseconds(100))) != nil else { return }
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
