/// How long a container that has ended waits until it is started again: 0, 10, 20, 40, 80, 160, 300,
/// 300, … seconds after its end.
///
/// It begins anew when a container has kept running for more than ten minutes.
/// Source: `pkg/kubelet/kubelet.go` containerBackOffPeriod, client-go `util/flowcontrol/backoff.go`.
struct CrashLoopBackOff: Equatable, Sendable {
  private var delay: Duration?

  /// The wait after a run.
  mutating func next(startedAt: Instant, endedAt: Instant) -> Duration {
    if endedAt - startedAt > .seconds(600) { self.delay = nil }
    guard let previous = self.delay else {
      self.delay = .zero
      return .zero
    }
    let next = previous == .zero ? .seconds(10) : min(previous * 2, .seconds(300))
    self.delay = next
    return next
  }
}
