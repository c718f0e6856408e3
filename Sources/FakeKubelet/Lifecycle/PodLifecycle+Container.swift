extension PodLifecycle {
  /// A run of a container that has ended.
  package struct Termination: Equatable, Sendable {
    package let exitCode: Int32
    /// 0 for the container's first start.
    package let attempt: Int
    /// `nil` when the container was stopped before it ran.
    package let startedAt: KubeletInstant?
    package let finishedAt: KubeletInstant
    /// The container's termination message.
    package var message = ""
  }

  /// The state of a container.
  package enum ContainerState: Equatable, Sendable {
    /// No start was requested; goes to `creating`, or to `ended` when the pod terminates.
    case new
    /// A start was requested; goes to `running`, `ended`, or `backingOff` after a failure.
    case creating
    /// Goes to `ended` or `backingOff`.
    case running(since: KubeletInstant)
    /// Goes to `creating` at that instant, or to `ended` when the pod terminates.
    case backingOff(until: KubeletInstant, delay: Duration)
    /// Final.
    case ended
  }

  /// A container with its history.
  package struct Container: Equatable, Sendable {
    package let name: String
    package let role: PodManifest.Container.Role
    /// The image of the current or last run.
    package internal(set) var image: String
    package internal(set) var state: ContainerState = .new
    /// The latest run that has ended.
    package internal(set) var lastTermination: Termination?
    /// The termination message of the run that ends.
    var message = ""
    /// Why the last start failed.
    package internal(set) var startFailure: StartFailure?
    /// Failed starts in a row.
    var startFailures = 0
    /// Starts after the first.
    package internal(set) var restartCount = 0
    package internal(set) var probes: [Probe.Kind: ProbeWorker]
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

    package var isRunning: Bool { if case .running = self.state { true } else { false } }

    /// Whether it runs and has passed its startup probe, if it has one.
    package var isStarted: Bool {
      self.isRunning && (self.probes[.startup].map { $0.verdict == .success } ?? true)
    }

    /// Whether it has started and passed its readiness probe, if it has one.
    package var isReady: Bool {
      self.isStarted && (self.probes[.readiness].map { $0.verdict == .success } ?? true)
    }

    /// Whether it runs or is being started.
    var isAlive: Bool { self.isRunning || self.state == .creating }

    /// Whether it runs or has run.
    var hasRun: Bool { self.isRunning || self.lastTermination != nil }

    /// Whether it is an init container that has succeeded.
    var isComplete: Bool {
      self.role == .initial && self.state == .ended && self.lastTermination?.exitCode == 0
    }

    /// Whether it has ended without success and will not restart.
    var hasFailed: Bool { self.state == .ended && self.lastTermination?.exitCode != 0 }

    /// Whether the manifest no longer names it; it is dropped when it has ended.
    var isLeaving: Bool { self.stop?.sequel == .leave }
  }

  /// A requested stop of a container.
  struct Stop: Equatable, Sendable {
    /// What follows the end, unless the pod is terminating.
    enum Sequel: Equatable, Sendable {
      /// Start with the new image, whatever the restart policy says.
      case startAgain
      /// Restart with back-off, unless the policy is Never: a probe or a hook has failed.
      case restart
      /// Drop the container: the manifest no longer names it.
      case leave
    }

    /// The progress of the stop.
    enum Step: Equatable, Sendable {
      case requested
      /// The preStop hook runs; SIGTERM follows at that instant, or at the hook's end.
      case hook(until: KubeletInstant)
      case terminated
      case killed
    }

    var killAt: KubeletInstant
    var sequel: Sequel
    var step = Step.requested

    /// When the next step is due unless a fact comes first.
    var due: KubeletInstant? {
      switch self.step {
      case .hook(let until): min(until, self.killAt)
      case .requested, .terminated: self.killAt
      case .killed: nil
      }
    }
  }
}

extension PodLifecycle.Container {
  /// Records a failed start. The next attempt follows whatever the restart policy says.
  /// Source: `pkg/util/goroutinemap/exponentialbackoff`: 500 ms, doubling to 2 min 2 s.
  mutating func fail(_ failure: StartFailure, at now: KubeletInstant, isOver: Bool) {
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

  /// Continues a container of a former kubelet: the next start adopts a running one.
  mutating func adopt(_ survivor: SurvivingContainer) {
    self.restartCount = max(self.restartCount, survivor.attempt + (survivor.isRunning ? 0 : 1))
  }

  /// Marks an init container as finished.
  mutating func skip(at now: KubeletInstant) {
    self.lastTermination = .init(
      exitCode: 0, attempt: self.restartCount, startedAt: nil, finishedAt: now)
    self.state = .ended
  }

  /// Records the end of a run and decides what follows.
  /// - Parameter isOver: whether the pod is terminating, so that nothing follows.
  mutating func finish(
    code: Int32, at now: KubeletInstant, policy: PodManifest.RestartPolicy, isOver: Bool
  ) {
    var startedAt: KubeletInstant?
    if case .running(let since) = self.state { startedAt = since }
    for kind in self.probes.keys { self.probes[kind]?.containerEnded() }
    self.lastTermination = .init(
      exitCode: code, attempt: self.restartCount, startedAt: startedAt, finishedAt: now,
      message: self.message)
    self.message = ""
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

  /// The restart policy of this container.
  private func policy(in pod: PodManifest.RestartPolicy) -> PodManifest.RestartPolicy {
    switch self.role {
    case .initial: pod == .never ? .never : .onFailure
    case .sidecar: .always
    case .main: pod
    }
  }

  /// Continues with the image of a new manifest.
  mutating func apply(image: String, killAt: KubeletInstant, at now: KubeletInstant) {
    let isNew = image != self.image
    switch self.state {
    case .creating, .running: if isNew || self.isLeaving { self.end(by: killAt, then: .startAgain) }
    case .backingOff: if isNew { self.startAfresh(at: now) }
    case .new, .ended: break
    }
  }

  /// Requests a stop; the earliest of several ends counts.
  mutating func end(by killAt: KubeletInstant, then sequel: PodLifecycle.Stop.Sequel) {
    self.stop = .init(
      killAt: min(killAt, self.stop?.killAt ?? killAt), sequel: sequel,
      step: self.stop?.step ?? .requested)
  }

  /// Starts at once, without the failures of the former image.
  private mutating func startAfresh(at now: KubeletInstant) {
    self.backOff.reset()
    self.state = .backingOff(until: now, delay: .zero)
  }
}
