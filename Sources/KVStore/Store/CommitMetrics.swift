import Synchronization

/// Durations, sizes and failures of the writer's commits.
final class CommitMetrics: Sendable {
  struct Values: Sendable {
    /// In seconds, with the ranges of etcd's `wal_fsync_duration_seconds`.
    var durations = Histogram(doublingFrom: 0.001, count: 14)
    /// Changes per commit.
    var batchSizes = Histogram(doublingFrom: 1, count: 13)
    var failures = 0
  }

  private let state = Mutex(Values())

  var values: Values { self.state.withLock { $0 } }

  func measure(changes: Int, _ commit: () throws -> Void) throws {
    let start = ContinuousClock.now
    do {
      try commit()
    } catch {
      self.state.withLock { $0.failures += 1 }
      throw error
    }
    let duration = start.duration(to: .now) / .seconds(1)
    self.state.withLock {
      $0.durations.record(duration)
      $0.batchSizes.record(Double(changes))
    }
  }
}
