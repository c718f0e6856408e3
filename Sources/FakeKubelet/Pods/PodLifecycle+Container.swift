extension PodLifecycle {
  /// One run of a container, after its end.
  public struct Termination: Equatable, Sendable {
    public let exitCode: Int32
    /// 0 for the container's first start.
    public let attempt: Int
    /// `nil` when it was stopped before it ran.
    public let startedAt: Instant?
    public let finishedAt: Instant
  }

  /// Where a container is.
  public enum ContainerState: Equatable, Sendable {
    /// Not ordered to start yet; goes to `creating`, or to `ended` when the pod ends.
    case new
    /// Ordered to start; goes to `running` or `ended`.
    case creating
    /// Goes to `ended`.
    case running(since: Instant)
    /// Goes to `creating` at that instant, unless the pod ends.
    case backingOff(until: Instant, delay: Duration)
    /// Goes to `backingOff` when the restart policy says so; final otherwise.
    case ended
  }

  /// A container with its history.
  public struct Container: Equatable, Sendable {
    public let name: String
    public let role: PodManifest.Container.Role
    /// Of the run that `state` tells about.
    public internal(set) var image: String
    public internal(set) var state: ContainerState = .new
    /// The last run that has ended.
    public internal(set) var lastTermination: Termination?
    /// Why it waits, when it could not be started.
    public internal(set) var startFailure: StartFailure?
    /// How many times in a row it could not be started.
    var startFailures = 0
    /// How many times it was started after the first.
    public internal(set) var restartCount = 0
    public internal(set) var probes: [Probe.Kind: ProbeWorker]
    var backOff: CrashLoopBackOff
    var stop: Stop?

    init(_ container: PodManifest.Container, backOff: CrashLoopBackOff) {
      self.name = container.name
      self.role = container.role
      self.image = container.image
      self.backOff = backOff
      self.probes = Dictionary(
        uniqueKeysWithValues: container.probes.map { ($0, ProbeWorker($0, $1)) })
    }

    public var isRunning: Bool { if case .running = self.state { true } else { false } }

    /// Whether it runs and has passed its startup probe, if it has one.
    public var isStarted: Bool {
      self.isRunning && (self.probes[.startup].map { $0.verdict == .success } ?? true)
    }

    /// Whether it can be counted on.
    public var isReady: Bool {
      self.isStarted && (self.probes[.readiness].map { $0.verdict == .success } ?? true)
    }

    /// Whether a run of it is under way.
    var isAlive: Bool { self.isRunning || self.state == .creating }

    /// Whether it runs, or ever did.
    var hasRun: Bool { self.isRunning || self.lastTermination != nil }

    /// Whether it has done what an initial container is there for.
    var isComplete: Bool {
      self.role == .initial && self.state == .ended && self.lastTermination?.exitCode == 0
    }

    /// Whether it has ended otherwise than it should, for good.
    var hasFailed: Bool { self.state == .ended && self.lastTermination?.exitCode != 0 }

    /// Whether the manifest names it no more; it goes when it has ended.
    var isLeaving: Bool { self.stop?.sequel == .leave }
  }

  /// A container's end that was asked for.
  struct Stop: Equatable, Sendable {
    /// What follows when it has ended; nothing when the pod is being terminated.
    enum Sequel: Equatable, Sendable {
      /// Whatever the restart policy says: its image has changed.
      case startAgain
      /// With back-off, unless the policy is never: a probe or a hook has failed.
      case restart
      case leave
    }

    /// How far it has come.
    enum Step: Equatable, Sendable {
      case asked
      /// The preStop hook runs; SIGTERM follows then, or earlier when it ends earlier.
      case hook(until: Instant)
      case terminated
      case killed
    }

    var killAt: Instant
    var sequel: Sequel
    var step = Step.asked

    /// When the next step falls due, apart from what happens.
    var due: Instant? {
      switch self.step {
      case .hook(let until): min(until, self.killAt)
      case .asked, .terminated: self.killAt
      case .killed: nil
      }
    }
  }
}

extension PodLifecycle.Container {
  /// Notes that it could not be started; it is tried again whatever the restart policy says.
  /// Source: `pkg/util/goroutinemap/exponentialbackoff`: 500 ms, doubling to 2 min 2 s.
  mutating func fail(_ failure: StartFailure, at now: Instant, isOver: Bool) {
    if isOver || self.isLeaving {
      self.state = .ended
      return
    }
    self.stop = nil
    let delay = min(Duration.milliseconds(500 << min(self.startFailures, 8)), .seconds(122))
    self.startFailures += 1
    self.startFailure = failure
    self.state = .backingOff(until: now + delay, delay: delay)
  }

  /// Goes on where a former kubelet left it: one that runs is taken up by its next start.
  mutating func take(_ survivor: SurvivingContainer) {
    self.restartCount = max(self.restartCount, survivor.attempt + (survivor.isRunning ? 0 : 1))
  }

  /// Counts as done.
  mutating func skip(at now: Instant) {
    self.lastTermination = .init(
      exitCode: 0, attempt: self.restartCount, startedAt: nil, finishedAt: now)
    self.state = .ended
  }

  /// Notes the end of a run and what follows it.
  /// - Parameter isOver: whether the pod is being terminated, so that nothing follows.
  mutating func finish(
    code: Int32, at now: Instant, policy: PodManifest.RestartPolicy, isOver: Bool
  ) {
    var startedAt: Instant?
    if case .running(let since) = self.state { startedAt = since }
    for kind in self.probes.keys { self.probes[kind]?.containerEnded() }
    self.lastTermination = .init(
      exitCode: code, attempt: self.restartCount, startedAt: startedAt, finishedAt: now)
    guard !isOver else {
      self.state = .ended
      return
    }
    switch self.stop?.sequel {
    case .leave:
      self.state = .ended
      return
    case .startAgain:
      self.stop = nil
      self.startAfresh(at: now)
      return
    case .restart, nil: break
    }
    let hasFailed = code != 0 || self.stop?.sequel == .restart
    self.stop = nil
    switch self.policy(in: policy) {
    case .never: self.state = .ended
    case .onFailure where !hasFailed: self.state = .ended
    case .always, .onFailure:
      let delay = self.backOff.next(startedAt: startedAt ?? now, endedAt: now)
      self.state = .backingOff(until: now + delay, delay: delay)
    }
  }

  /// The pod's policy as it is meant for this container.
  private func policy(in pod: PodManifest.RestartPolicy) -> PodManifest.RestartPolicy {
    switch self.role {
    case .initial: pod == .never ? .never : .onFailure
    case .sidecar: .always
    case .main: pod
    }
  }

  /// Goes on with an image that may be another one.
  mutating func take(image: String, killAt: Instant, at now: Instant) {
    let isNew = image != self.image
    switch self.state {
    case .creating, .running: if isNew || self.isLeaving { self.end(by: killAt, then: .startAgain) }
    case .backingOff: if isNew { self.startAfresh(at: now) }
    case .new, .ended: break
    }
  }

  /// Asks for the container's end; the earliest end that was asked for counts.
  mutating func end(by killAt: Instant, then sequel: PodLifecycle.Stop.Sequel) {
    self.stop = .init(
      killAt: min(killAt, self.stop?.killAt ?? killAt), sequel: sequel,
      step: self.stop?.step ?? .asked)
  }

  /// Another image has no failures behind it.
  private mutating func startAfresh(at now: Instant) {
    self.backOff.reset()
    self.state = .backingOff(until: now, delay: .zero)
  }
}
