/// How far a wait for a change has come while none comes, as a value.
///
/// etcd keeps the last thousand changes of all keys. A wait names the index from which on a change counts; when
/// it is repeated after a thousand changes of other keys, that index is forgotten. But an open wait shows that
/// there was no change up to the store's index: one that was in the history would have followed the answer's
/// head at once. "At once" is ``settling``, since a head and an event are two packets.
///
/// Source: etcd v2, `X-Etcd-Index` of a wait; `store/event_history.go`.
struct WatchProgress: Equatable, Sendable {
  /// How long an event that the store has may be under way.
  static let settling = Duration.seconds(2)

  enum Step: Equatable, Sendable {
    /// Ask the store for its index, after a pause.
    case look(after: Duration)
    /// Begin the wait anew, from ``last`` on.
    case renew
  }

  /// So many changes of other keys are half of etcd's history.
  private static let renewal: UInt64 = 500

  let settling: Duration
  /// The index from which on the wait has looked.
  private let start: UInt64
  /// There was no change up to this index.
  private(set) var last: UInt64

  /// - Parameter start: the wait's index, less one.
  init(after start: UInt64, settling: Duration = Self.settling) {
    self.start = start
    self.last = start
    self.settling = settling
  }

  /// Takes note that the wait has stayed open for ``settling`` since the store had this index.
  mutating func settled(_ index: UInt64) -> Step {
    let moved = index > self.last ? index - self.last : 0
    self.last = max(self.last, index)
    if self.last - self.start >= Self.renewal { return .renew }
    // The busier the store, the sooner.
    return .look(after: self.settling * (moved < Self.renewal / 10 ? 4 : 0))
  }
}
