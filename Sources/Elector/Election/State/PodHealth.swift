/// Whether the installed pod keeps to its ``PodLimits``, and whether it is young: a part of ``Election``, and a
/// value like it.
struct PodHealth: Equatable, Sendable {
  private let limits: PodLimits
  /// Whether the kubelet is asked.
  private let asks: Bool
  private let dependsOnAge: Bool
  private let period: Duration

  /// When the manifest was installed; `nil` when it is not, or when there are no limits.
  private var installedAt: Instant?
  private var lastRunning = Instant.start
  private var question: Int?
  private var lastQuestion = 0
  private var askedAt = Instant.start
  private var due = Instant.start

  /// The containers that have run since then, as far as every answer shows.
  private struct Steady: Equatable {
    var containers: [String]
    var since: Instant
  }
  private var steady: Steady?
  private var isSettled = false

  /// - Parameter asksKubelet: without a kubelet to ask a pod is young for ever.
  init(limits: PodLimits, timing: Timing, asksKubelet: Bool) {
    self.limits = asksKubelet ? limits : PodLimits()
    self.dependsOnAge = timing.podStop.dependsOnAge
    self.asks = asksKubelet && (timing.podStop.dependsOnAge || !limits.areNone)
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

  /// Whether the kubelet may take longer to notice the pod's removal: its containers have not been seen to run
  /// unchanged for long enough.
  var isYoung: Bool { self.dependsOnAge && !self.isSettled }

  /// - Parameter isInstalled: `nil` while the manifest is being checked.
  /// - Returns: what to ask the kubelet now.
  mutating func effects(at now: Instant, isInstalled: Bool?) -> [Election.Effect] {
    guard self.asks else { return [] }
    if isInstalled == false {
      (self.installedAt, self.question) = (nil, nil)
      (self.steady, self.isSettled) = (nil, false)
    } else if isInstalled == true, self.installedAt == nil {
      (self.installedAt, self.lastRunning, self.due) = (now, now, now + self.period)
    }
    guard self.installedAt != nil, self.question == nil, now >= self.due else { return [] }
    self.lastQuestion += 1
    self.question = self.lastQuestion
    self.askedAt = now
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
    self.age(observation, at: now)
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

  /// Silence is no proof that a pod goes on as before.
  private mutating func age(_ observation: PodObservation?, at now: Instant) {
    guard let containers = observation?.containers, !containers.isEmpty else {
      (self.steady, self.isSettled) = (nil, false)
      return
    }
    if let steady, steady.containers == containers {
      // The first answer may be of when it came, and this one of when it was asked for.
      if self.askedAt - steady.since >= PodStop.youth { self.isSettled = true }
    } else {
      (self.steady, self.isSettled) = (Steady(containers: containers, since: now), false)
    }
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
  /// Its containers, each run by another name, if all of them run; else empty.
  public var containers: [String]

  public init(isRunning: Bool, restarts: Int, containers: [String] = []) {
    self.isRunning = isRunning
    self.restarts = restarts
    self.containers = containers
  }
}
