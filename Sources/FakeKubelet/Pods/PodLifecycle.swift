/// One pod from its first start to the end of its last container, as a value: facts go in, effects
/// come out.
///
/// It reads no clock and waits for nothing; the same facts at the same instants give the same effects.
/// - Invariant: a container is started only when none of its name runs in this pod, and never once
///   the pod is being terminated.
/// - Source: `pkg/kubelet/pod_workers.go`, `kuberuntime/kuberuntime_manager.go`.
public struct PodLifecycle: Equatable, Sendable {
  /// What happened.
  public enum Event: Equatable, Sendable {
    /// The pod is new, or an instant that was asked for by ``Effect/wake(at:)`` has come.
    case woke
    /// The container runs.
    case containerStarted(String)
    /// The container has ended, or will never start. The last fact about this start.
    case containerExited(String, code: Int32)
    /// The manifest is gone: stop everything.
    case removed
  }

  /// What is to be done, in this order.
  public enum Effect: Equatable, Sendable {
    /// Start a container. Answered by at most one ``Event/containerStarted(_:)`` and then by exactly
    /// one ``Event/containerExited(_:code:)``.
    case startContainer(String, attempt: Int)
    case signal(ContainerSignal, String)
    case wake(at: Instant)
    /// Every container has ended and none will be started. Comes once, last, and only after
    /// ``Event/removed``.
    case ended
  }

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
    /// Not ordered to start yet; goes to `creating`, or to `ended` when the pod is removed.
    case new
    /// Ordered to start; goes to `running` or `ended`.
    case creating
    /// Goes to `ended`.
    case running(since: Instant)
    /// Goes to `creating` at that instant, unless the pod is removed.
    case backingOff(until: Instant, delay: Duration)
    /// Goes to `backingOff` when the restart policy says so; final otherwise.
    case ended
  }

  /// A container with its history.
  public struct Container: Equatable, Sendable {
    public let name: String
    public let image: String
    public fileprivate(set) var state: ContainerState = .new
    /// The last run that has ended.
    public fileprivate(set) var lastTermination: Termination?
    /// How many times it was started after the first.
    public fileprivate(set) var restartCount = 0
    fileprivate var backOff = CrashLoopBackOff()
    fileprivate var lastSignal: ContainerSignal?

    public var isRunning: Bool { if case .running = self.state { true } else { false } }

    fileprivate var isAlive: Bool { self.isRunning || self.state == .creating }
  }

  public let manifest: PodManifest
  /// In the manifest's order.
  public private(set) var containers: [Container]
  /// When the kubelet first took up the pod.
  public let startedAt: Instant
  /// Since when all containers have been running, or since when not all.
  public private(set) var readinessChangedAt: Instant
  /// When SIGKILL follows; `nil` unless the pod is being terminated.
  public private(set) var killAt: Instant?
  private var alarm: Instant?
  private var hasEnded = false

  /// A pod of which nothing runs yet; it starts with the first ``Event/woke``.
  public init(_ manifest: PodManifest, at now: Instant) {
    self.manifest = manifest
    self.containers = manifest.containers.map { Container(name: $0.name, image: $0.image) }
    self.startedAt = now
    self.readinessChangedAt = now
  }

  /// Whether the manifest is gone and containers are being stopped.
  public var isTerminating: Bool { self.killAt != nil }

  /// Whether all containers run. (Readiness probes are not carried out.)
  public var isReady: Bool { self.containers.allSatisfy(\.isRunning) }

  /// Takes in a fact and says what follows.
  public mutating func handle(_ event: Event, at now: Instant) -> [Effect] {
    let wasReady = self.isReady
    switch event {
    case .woke: if let alarm, alarm <= now { self.alarm = nil }
    case .removed: if self.killAt == nil { self.killAt = now + self.manifest.gracePeriod }
    case .containerStarted(let name):
      self.update(name) { container in
        if container.state == .creating { container.state = .running(since: now) }
      }
    case .containerExited(let name, let code):
      let policy = self.manifest.restartPolicy
      self.update(name) { container in
        guard container.isAlive else { return }
        container.finish(code: code, at: now, policy: policy)
      }
    }
    let effects = self.killAt.map { self.stop(killAt: $0, now: now) } ?? self.start(now: now)
    if self.isReady != wasReady { self.readinessChangedAt = now }
    return effects
  }

  private mutating func update(_ name: String, _ change: (inout Container) -> Void) {
    guard let index = self.containers.firstIndex(where: { $0.name == name }) else { return }
    change(&self.containers[index])
  }

  /// Starts what is new or has waited long enough.
  private mutating func start(now: Instant) -> [Effect] {
    var effects: [Effect] = []
    var wakeAt: Instant?
    for index in self.containers.indices {
      switch self.containers[index].state {
      case .new: break
      case .backingOff(let until, _) where until <= now: self.containers[index].restartCount += 1
      case .backingOff(let until, _):
        wakeAt = min(wakeAt ?? until, until)
        continue
      case .creating, .running, .ended: continue
      }
      self.containers[index].state = .creating
      let container = self.containers[index]
      effects.append(.startContainer(container.name, attempt: container.restartCount))
    }
    return effects + self.wake(at: wakeAt)
  }

  /// Asks what is alive to stop, and kills it when the grace period is over.
  private mutating func stop(killAt: Instant, now: Instant) -> [Effect] {
    guard !self.hasEnded else { return [] }
    var effects: [Effect] = []
    let signal: ContainerSignal = now >= killAt ? .kill : .terminate
    for index in self.containers.indices {
      guard self.containers[index].isAlive else {
        self.containers[index].state = .ended
        continue
      }
      guard self.containers[index].lastSignal != signal else { continue }
      self.containers[index].lastSignal = signal
      effects.append(.signal(signal, self.containers[index].name))
    }
    if !self.containers.contains(where: \.isAlive) {
      self.hasEnded = true
      return effects + [.ended]
    }
    return effects + self.wake(at: signal == .terminate ? killAt : nil)
  }

  private mutating func wake(at instant: Instant?) -> [Effect] {
    guard let instant, instant != self.alarm else { return [] }
    self.alarm = instant
    return [.wake(at: instant)]
  }
}

extension PodLifecycle.Container {
  /// Notes the end of a run and what the restart policy makes of it.
  fileprivate mutating func finish(
    code: Int32, at now: Instant, policy: PodManifest.RestartPolicy
  ) {
    var startedAt: Instant?
    if case .running(let since) = self.state { startedAt = since }
    self.lastTermination = .init(
      exitCode: code, attempt: self.restartCount, startedAt: startedAt, finishedAt: now)
    self.lastSignal = nil
    switch policy {
    case .never: self.state = .ended
    case .onFailure where code == 0: self.state = .ended
    case .always, .onFailure:
      let delay = self.backOff.next(startedAt: startedAt ?? now, endedAt: now)
      self.state = .backingOff(until: now + delay, delay: delay)
    }
  }
}

/// What a container is told.
public enum ContainerSignal: Equatable, Sendable {
  /// SIGTERM: end in an orderly way.
  case terminate
  /// SIGKILL: end at once.
  case kill
}
