/// How long a container that has ended waits until it is started again: 0, 10, 20, 40, 80, 160, 300,
/// 300, … seconds after its end.
///
/// It begins anew when a container has kept running for more than ten minutes.
/// Source: `pkg/kubelet/kubelet.go` containerBackOffPeriod, client-go `util/flowcontrol/backoff.go`.
public struct CrashLoopBackOff: Equatable, Sendable {
  /// The wait after the second run; the first restart comes at once.
  public let initial: Duration
  /// The longest wait.
  public let limit: Duration
  /// A longer run begins anew.
  public let resetAfter: Duration
  private var delay: Duration?

  /// The real kubelet's figures unless told otherwise, such as by a test in a hurry.
  public init(
    initial: Duration = .seconds(10), limit: Duration = .seconds(300),
    resetAfter: Duration = .seconds(600)
  ) {
    self.initial = initial
    self.limit = limit
    self.resetAfter = resetAfter
  }

  /// The wait after a run.
  mutating func next(startedAt: Instant, endedAt: Instant) -> Duration {
    if endedAt - startedAt > self.resetAfter { self.delay = nil }
    guard let previous = self.delay else {
      self.delay = .zero
      return .zero
    }
    let next = min(previous == .zero ? self.initial : previous * 2, self.limit)
    self.delay = next
    return next
  }

  /// Forgets the runs so far.
  mutating func reset() { self.delay = nil }
}
