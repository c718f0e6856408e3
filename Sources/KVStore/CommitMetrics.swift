import Synchronization

/// How measured values are spread over ranges, in Prometheus' sense.
struct Histogram: Equatable, Sendable {
  /// The largest value of each range, ascending; what is larger goes into a last range of its own.
  let bounds: [Double]
  /// How many values fell into each range.
  private(set) var counts: [Int]
  private(set) var sum = 0.0

  init(bounds: [Double]) {
    self.bounds = bounds
    self.counts = Array(repeating: 0, count: bounds.count + 1)
  }

  /// `count` bounds of which each is twice the one before.
  init(doublingFrom first: Double, count: Int) {
    self.init(bounds: (0..<count).map { first * Double(1 << $0) })
  }

  mutating func record(_ value: Double) {
    self.counts[self.bounds.firstIndex { value <= $0 } ?? self.bounds.count] += 1
    self.sum += value
  }
}

/// What the writer's commits cost.
final class CommitMetrics: Sendable {
  struct Values: Sendable {
    /// Seconds; the ranges are those of etcd's `wal_fsync_duration_seconds`.
    var durations = Histogram(doublingFrom: 0.001, count: 14)
    /// How many changes went to the disk together.
    var batchSizes = Histogram(doublingFrom: 1, count: 13)
    var failures = 0
  }

  private let state = Mutex(Values())

  var values: Values { self.state.withLock { $0 } }

  /// Carries out a commit and takes its measure.
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
