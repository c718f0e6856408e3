/// One probe of one container, from start to start of the container, as a value.
///
/// The first question comes `initialDelay` after the container's start, then one per period. (The real
/// kubelet's periods begin when it learns of the pod, so that its first question comes up to a period later.)
/// - Source: `pkg/kubelet/prober/worker.go`, `results/results_manager.go`.
public struct ProbeWorker: Equatable, Sendable {
  public enum Verdict: Equatable, Sendable {
    case success
    case failure
    case unknown
  }

  public let kind: Probe.Kind
  public let probe: Probe
  public private(set) var verdict: Verdict
  /// Answers since the pod began, by what they said.
  public private(set) var counts = Counts()
  /// When to ask next; `nil` while the container does not run, and after it was found dead.
  private var next: Instant?
  /// A question is under way.
  private var isAsking = false
  private var streak = Streak(verdict: .unknown, length: 0)

  /// Equal answers in a row.
  private struct Streak: Equatable {
    let verdict: Verdict
    let length: Int
  }

  public struct Counts: Equatable, Sendable {
    public var successful = 0
    public var failed = 0
    public var unknown = 0
  }

  init(_ kind: Probe.Kind, _ probe: Probe) {
    self.kind = kind
    self.probe = probe
    self.verdict = Self.initial(kind)
  }

  /// What counts before the first answer.
  private static func initial(_ kind: Probe.Kind) -> Verdict {
    switch kind {
    case .liveness: .success
    case .readiness: .failure
    case .startup: .unknown
    }
  }

  /// When the next question falls due.
  var due: Instant? { self.isAsking ? nil : self.next }

  mutating func containerStarted(at now: Instant) {
    self = Self(self.kind, self.probe, counts: self.counts)
    self.next = now + self.probe.initialDelay
  }

  mutating func containerEnded() {
    self = Self(self.kind, self.probe, counts: self.counts)
  }

  /// Whether the question is to be asked now; then it is under way.
  mutating func ask(at now: Instant) -> Bool {
    guard let due = self.due, due <= now else { return false }
    self.isAsking = true
    self.next = now + self.probe.period
    return true
  }

  /// Takes in the answer.
  mutating func take(_ result: ProbeResult) {
    self.isAsking = false
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
    self.streak = Streak(
      verdict: answer, length: self.streak.verdict == answer ? self.streak.length + 1 : 1)
    let threshold =
      answer == .success ? self.probe.successThreshold : self.probe.failureThreshold
    guard self.streak.length >= threshold else { return }
    self.verdict = answer
    switch (self.kind, answer) {
    // The container is going to be started anew: until then there is nothing to be learnt.
    case (.liveness, .failure), (.startup, .failure), (.startup, .success): self.next = nil
    default: break
    }
  }

  private init(_ kind: Probe.Kind, _ probe: Probe, counts: Counts) {
    self.init(kind, probe)
    self.counts = counts
  }
}
