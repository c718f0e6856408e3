import Synchronization

/// Durations, sizes and failures of the writer's commits.
final class CommitMetrics: Sendable {
  struct Values: Sendable {
    /// In seconds, with the ranges of etcd's `wal_fsync_duration_seconds`.
    var durations = Histogram(doublingFrom: 0.001, count: 14)
    /// Changes per commit.
    var batchSizes = Histogram(doublingFrom: 1, count: 13)
    var failures = 0
    /// Of the last commit.
    var problem: String?
    /// What the log has named last, since the last commit that succeeded.
    var named: String?
  }

  private let state = Mutex(Values())

  var values: Values { self.state.withLock { $0 } }

  /// Why the last commit failed; `nil` if it did not.
  var problem: String? { self.state.withLock { $0.problem } }

  /// Whether the log has yet to name this failure: it names each once, until a commit succeeds.
  func isNew(_ error: any Error) -> Bool {
    self.state.withLock { state in
      defer { state.named = "\(error)" }
      return state.named != "\(error)"
    }
  }

  func measure(changes: Int, _ commit: () throws -> Void) throws {
    let start = ContinuousClock.now
    do {
      try commit()
    } catch {
      self.state.withLock {
        $0.failures += 1
        $0.problem = "\(error)"
      }
      throw error
    }
    let duration = start.duration(to: .now) / .seconds(1)
    self.state.withLock {
      $0.durations.record(duration)
      $0.batchSizes.record(Double(changes))
      ($0.problem, $0.named) = (nil, nil)
    }
  }
}
