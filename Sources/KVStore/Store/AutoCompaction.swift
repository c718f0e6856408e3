import DequeModule

/// Which revisions of the v3 keyspace are given up as time goes by, as a value.
///
/// Source: `--auto-compaction-mode` of etcd, package `v3compactor`.
public struct AutoCompaction: Equatable, Sendable {
  /// What is kept.
  public enum Mode: Equatable, Sendable {
    /// So many revisions.
    case revisions(Int64)
    /// What was there in the last so many seconds.
    case seconds(Int64)
  }

  private let mode: Mode
  /// What the revision was, in the order of time.
  private var samples: Deque<Sample> = []
  private var last: Int64 = 0

  private struct Sample: Equatable {
    let time: StoreTime
    let revision: Int64
  }

  /// - Parameter mode: with a number above 0.
  public init(_ mode: Mode) { self.mode = mode }

  /// Seconds from one look at the revision to the next.
  var interval: Int64 {
    switch self.mode {
    case .revisions: 300
    case .seconds(let seconds): max(1, min(seconds, 3600) / 10)
    }
  }

  /// - Returns: the revision to be compacted now; `nil` for none.
  mutating func look(at now: StoreTime, revision: Int64) -> Int64? {
    let target: Int64
    switch self.mode {
    case .revisions(let kept): target = revision - kept
    case .seconds(let seconds):
      self.samples.append(Sample(time: now, revision: revision))
      var old: Int64 = 0
      while let sample = self.samples.first,
        sample.time.advanced(bySeconds: UInt64(seconds)) <= now
      {
        old = sample.revision
        self.samples.removeFirst()
      }
      target = old
    }
    guard target > self.last else { return nil }
    self.last = target
    return target
  }
}
