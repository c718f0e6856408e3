/// One probe of one container, as a value; each start of the container starts it anew.
///
/// The first probe comes `initialDelay` after the container's start, then one every period. (The real
/// kubelet counts periods from when it learns of the pod, so its first probe comes up to a period later.)
/// - Source: `pkg/kubelet/prober/worker.go`, `results/results_manager.go`.
package struct ProbeWorker: Equatable, Sendable {
  package enum Verdict: Equatable, Sendable {
    case success
    case failure
    case unknown
  }

  package let kind: Probe.Kind
  package let probe: Probe
  package private(set) var verdict: Verdict
  /// Results since the pod's start.
  package private(set) var counts: Counts
  /// The next probe; `nil` while the container does not run, and after the final verdict of a run.
  private var next: KubeletInstant?
  private var isInFlight = false
  private var latest = Verdict.unknown
  /// How many results in a row were like the latest one.
  private var streak = 0

  package struct Counts: Equatable, Sendable {
    package var successful = 0
    package var failed = 0
    package var unknown = 0
  }

  init(_ kind: Probe.Kind, _ probe: Probe, counts: Counts = Counts()) {
    self.kind = kind
    self.probe = probe
    self.counts = counts
    // The verdict before the first result.
    self.verdict =
      switch kind {
      case .liveness: .success
      case .readiness: .failure
      case .startup: .unknown
      }
  }

  /// When the next probe is due.
  var due: KubeletInstant? { self.isInFlight ? nil : self.next }

  mutating func containerStarted(at now: KubeletInstant) {
    self = Self(self.kind, self.probe, counts: self.counts)
    self.next = now + self.probe.initialDelay
  }

  mutating func containerEnded() {
    self = Self(self.kind, self.probe, counts: self.counts)
  }

  /// Starts a probe if one is due.
  /// - Returns: whether it is.
  mutating func start(at now: KubeletInstant) -> Bool {
    guard let due = self.due, due <= now else { return false }
    self.isInFlight = true
    self.next = now + self.probe.period
    return true
  }

  mutating func record(_ result: ProbeResult) {
    self.isInFlight = false
    let answer: Verdict
    switch result {
    case .success:
      self.counts.successful += 1
      answer = .success
    case .failure:
      self.counts.failed += 1
      answer = .failure
    case .error:
      self.counts.unknown += 1
      return
    }
    self.streak = self.latest == answer ? self.streak + 1 : 1
    self.latest = answer
    let threshold =
      answer == .success ? self.probe.successThreshold : self.probe.failureThreshold
    guard self.streak >= threshold else { return }
    self.verdict = answer
    switch (self.kind, answer) {
    // The container restarts, or has started: no further probe of this kind in this run.
    case (.liveness, .failure), (.startup, .failure), (.startup, .success): self.next = nil
    default: break
    }
  }
}
