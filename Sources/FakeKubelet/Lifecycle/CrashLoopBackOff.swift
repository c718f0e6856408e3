/// The delay from a container's end to its next start: 0, 10, 20, 40, 80, 160, 300, 300, … seconds.
///
/// A run of more than ten minutes resets the series.
/// Source: `pkg/kubelet/kubelet.go` containerBackOffPeriod, client-go `util/flowcontrol/backoff.go`.
public struct CrashLoopBackOff: Equatable, Sendable {
  /// The delay after the second run; the first restart comes at once.
  public let initial: Duration
  /// The longest delay.
  public let limit: Duration
  /// A longer run resets the series.
  public let resetAfter: Duration
  private var delay: Duration?

  /// The defaults are the real kubelet's; tests may want shorter ones.
  public init(
    initial: Duration = .seconds(10), limit: Duration = .seconds(300),
    resetAfter: Duration = .seconds(600)
  ) {
    self.initial = initial
    self.limit = limit
    self.resetAfter = resetAfter
  }

  /// The delay after a run.
  mutating func next(startedAt: KubeletInstant, endedAt: KubeletInstant) -> Duration {
    if endedAt - startedAt > self.resetAfter { self.delay = nil }
    guard let previous = self.delay else {
      self.delay = .zero
      return .zero
    }
    let next = min(previous == .zero ? self.initial : previous * 2, self.limit)
    self.delay = next
    return next
  }

  /// Starts a new series.
  mutating func reset() { self.delay = nil }
}
