/// Whether the installed pod keeps to its ``PodLimits``: a part of ``Election``, and a value like it.
struct PodHealth: Equatable, Sendable {
  private let limits: PodLimits
  private let period: Duration

  /// When the manifest was installed; `nil` when it is not, or when there are no limits.
  private var installedAt: Instant?
  private var lastRunning = Instant.start
  private var question: Int?
  private var lastQuestion = 0
  private var due = Instant.start

  init(limits: PodLimits, timing: Timing) {
    self.limits = limits
    // Often enough for a deadline to mean something.
    self.period = min(
      timing.sleep, limits.startDeadline.map { max($0 / 4, .milliseconds(10)) } ?? timing.sleep)
  }

  /// A pod that was installed this long has outlived the failures before it: a kubelet forgets a crash
  /// loop after the same time. Source: kubelet, `MaxContainerBackOff` and its reset.
  static let proof = Duration.seconds(600)

  /// Whether earlier failures do not count any more.
  func isProven(at now: Instant) -> Bool {
    guard !self.limits.areNone else { return true }
    return self.installedAt.map { now >= $0 + Self.proof } == true
  }

  /// - Parameter isInstalled: `nil` while the manifest is being checked.
  /// - Returns: what to ask the kubelet now.
  mutating func effects(at now: Instant, isInstalled: Bool?) -> [Election.Effect] {
    guard !self.limits.areNone else { return [] }
    if isInstalled == false {
      (self.installedAt, self.question) = (nil, nil)
    } else if isInstalled == true, self.installedAt == nil {
      (self.installedAt, self.lastRunning, self.due) = (now, now, now + self.period)
    }
    guard self.installedAt != nil, self.question == nil, now >= self.due else { return [] }
    self.lastQuestion += 1
    self.question = self.lastQuestion
    self.due = now + self.period
    return [.observePod(id: self.lastQuestion)]
  }

  /// - Parameter observation: `nil` when the kubelet gave none.
  /// - Returns: which limit the pod does not keep to.
  mutating func observed(
    _ id: Int, _ observation: PodObservation?, at now: Instant
  ) -> String? {
    guard id == self.question else { return nil }
    self.question = nil
    if observation?.isRunning == true { self.lastRunning = now }
    if let restarts = observation?.restarts, let most = self.limits.maxRestarts, restarts > most {
      return
        "its containers were restarted \(restarts) times, more often than --max-restarts \(most)"
    }
    if let deadline = self.limits.startDeadline, now >= self.lastRunning + deadline {
      return observation == nil
        ? "the kubelet has not said for --start-deadline (\(deadline)) that it runs"
        : "the kubelet has not run it for --start-deadline (\(deadline))"
    }
    return nil
  }

  /// The next instant at which something follows from time alone.
  var nextDue: Instant? { self.installedAt != nil && self.question == nil ? self.due : nil }
}

/// What is asked of the elected pod, so that a process that holds the lock also does the work.
public struct PodLimits: Equatable, Sendable {
  /// How long the kubelet may not run the pod, `--start-deadline`.
  public var startDeadline: Duration?
  /// How often its containers may be restarted in one term, `--max-restarts`.
  public var maxRestarts: Int?

  public init(startDeadline: Duration? = nil, maxRestarts: Int? = nil) {
    self.startDeadline = startDeadline
    self.maxRestarts = maxRestarts
  }

  var areNone: Bool { self.startDeadline == nil && self.maxRestarts == nil }
}

/// A kubelet's view of the pod.
public struct PodObservation: Equatable, Sendable {
  /// Whether any of its containers runs.
  public var isRunning: Bool
  /// The sum over its containers.
  public var restarts: Int

  public init(isRunning: Bool, restarts: Int) {
    self.isRunning = isRunning
    self.restarts = restarts
  }
}
