/// One pod from its first start to the end of its last container, as a value: facts go in, effects
/// come out.
///
/// It reads no clock and waits for nothing; the same facts at the same instants give the same effects.
/// - Invariant: a container is started only when none of its name runs in this pod, and never once
///   the pod is being terminated. Its termination is never taken back: a pod whose deadline has passed
///   stays failed, whatever is written into its manifest later.
/// - Source: `pkg/kubelet/pod_workers.go`, `kuberuntime/kuberuntime_manager.go`, `active_deadline.go`.
public struct PodLifecycle: Equatable, Sendable {
  /// What happened.
  public enum Event: Equatable, Sendable {
    /// The pod is new, or an instant that was asked for by ``Effect/wake(at:)`` has come.
    case woke
    /// The container runs.
    case containerStarted(String)
    /// The container has ended, or will never start. The last fact about this start.
    case containerExited(String, code: Int32)
    /// The manifest was rewritten under the same uid.
    case updated(PodManifest)
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
    case report(PodEvent)
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
    /// Of the run that `state` tells about.
    public fileprivate(set) var image: String
    public fileprivate(set) var state: ContainerState = .new
    /// The last run that has ended.
    public fileprivate(set) var lastTermination: Termination?
    /// How many times it was started after the first.
    public fileprivate(set) var restartCount = 0
    fileprivate var backOff = CrashLoopBackOff()
    fileprivate var stop: Stop?

    public var isRunning: Bool { if case .running = self.state { true } else { false } }

    fileprivate var isAlive: Bool { self.isRunning || self.state == .creating }

    /// Whether the manifest names it no more; it goes when it has ended.
    fileprivate var isLeaving: Bool { self.stop?.sequel == .leave }
  }

  /// A container's end that was asked for.
  fileprivate struct Stop: Equatable, Sendable {
    /// What follows when it has ended; nothing when the pod is being terminated.
    enum Sequel: Equatable, Sendable {
      /// Whatever the restart policy says: its image has changed.
      case startAgain
      case leave
    }

    var killAt: Instant
    var sequel: Sequel
    var lastSignal: ContainerSignal?
  }

  public private(set) var manifest: PodManifest
  /// In the manifest's order; then those that it names no more and that have not ended.
  public private(set) var containers: [Container]
  /// When the kubelet first took up the pod.
  public let startedAt: Instant
  /// Since when all containers have been running, or since when not all.
  public private(set) var readinessChangedAt: Instant
  /// When SIGKILL follows; `nil` unless the pod is being terminated.
  public private(set) var killAt: Instant?
  /// Whether the pod was active for longer than its manifest allowed.
  public private(set) var hasExceededDeadline = false
  private var isRemoved = false
  private var hasEnded = false
  private var alarm: Instant?

  /// A pod of which nothing runs yet; it starts with the first ``Event/woke``.
  public init(_ manifest: PodManifest, at now: Instant) {
    self.manifest = manifest
    self.containers = manifest.containers.map { Container(name: $0.name, image: $0.image) }
    self.startedAt = now
    self.readinessChangedAt = now
  }

  /// Whether containers are being stopped, or were, and none is started any more: the manifest is gone
  /// or the deadline has passed.
  public var isTerminating: Bool { self.killAt != nil }

  /// Whether nothing runs and nothing will, though the manifest may still be there.
  public var isFinished: Bool {
    (self.phase == .succeeded || self.phase == .failed)
      && !self.containers.contains(where: \.isAlive)
  }

  /// Whether all containers run. (Readiness probes are not carried out.)
  public var isReady: Bool { !self.hasExceededDeadline && self.listed.allSatisfy(\.isRunning) }

  /// When the pod fails unless it has ended before. The time of day plays no part: the deadline
  /// counts on the clock on which ``startedAt`` was taken.
  public var deadline: Instant? { self.manifest.activeDeadline.map { self.startedAt + $0 } }

  /// The containers that the manifest names.
  var listed: [Container] { self.containers.filter { !$0.isLeaving } }

  /// Takes in a fact and says what follows.
  public mutating func handle(_ event: Event, at now: Instant) -> [Effect] {
    let wasReady = self.isReady
    switch event {
    case .woke: if let alarm, alarm <= now { self.alarm = nil }
    case .updated(let manifest): self.take(manifest, at: now)
    case .removed:
      self.isRemoved = true
      self.terminate(at: now)
    case .containerStarted(let name):
      self.update(name) { container in
        if container.state == .creating { container.state = .running(since: now) }
      }
    case .containerExited(let name, let code):
      let policy = self.manifest.restartPolicy
      let isOver = self.isTerminating
      self.update(name) { container in
        guard container.isAlive else { return }
        container.finish(code: code, at: now, policy: policy, isOver: isOver)
      }
      self.containers.removeAll { $0.isLeaving && !$0.isAlive }
    }
    var effects: [Effect] = []
    if let deadline, now >= deadline, !self.isTerminating, !self.isFinished {
      self.hasExceededDeadline = true
      self.terminate(at: now)
      effects.append(.report(.deadlineExceeded))
    }
    effects += self.start(now: now) + self.stop(now: now)
    if self.isReady != wasReady { self.readinessChangedAt = now }
    if self.isRemoved, !self.hasEnded, !self.containers.contains(where: \.isAlive) {
      self.hasEnded = true
      effects.append(.ended)
    }
    return effects + self.wake(after: now)
  }

  private mutating func update(_ name: String, _ change: (inout Container) -> Void) {
    guard let index = self.containers.firstIndex(where: { $0.name == name }) else { return }
    change(&self.containers[index])
  }

  /// Goes on under another manifest. Of a container only the image counts (name and image are all
  /// that the real one looks at): it is stopped and started anew when that has changed.
  private mutating func take(_ manifest: PodManifest, at now: Instant) {
    self.manifest = manifest
    guard !self.isTerminating, !self.isFinished else { return }
    let killAt = now + manifest.gracePeriod
    var former = self.containers
    self.containers = manifest.containers.map { wanted in
      guard let index = former.firstIndex(where: { $0.name == wanted.name }) else {
        return Container(name: wanted.name, image: wanted.image)
      }
      var container = former.remove(at: index)
      container.take(image: wanted.image, killAt: killAt, at: now)
      return container
    }
    for var container in former where container.isAlive {
      container.end(by: killAt, then: .leave)
      self.containers.append(container)
    }
  }

  /// Begins the pod's end. What is being stopped already gets no more time by it.
  private mutating func terminate(at now: Instant) {
    guard self.killAt == nil else { return }
    let killAt = now + self.manifest.gracePeriod
    self.killAt = killAt
    for index in self.containers.indices {
      if self.containers[index].isAlive {
        let sequel = self.containers[index].stop?.sequel ?? .startAgain
        self.containers[index].end(by: killAt, then: sequel)
      } else {
        self.containers[index].state = .ended
      }
    }
  }

  /// Starts what is new or has waited long enough.
  private mutating func start(now: Instant) -> [Effect] {
    var effects: [Effect] = []
    for index in self.containers.indices {
      switch self.containers[index].state {
      case .new: break
      case .backingOff(let until, _) where until <= now: self.containers[index].restartCount += 1
      case .backingOff, .creating, .running, .ended: continue
      }
      self.containers[index].state = .creating
      let name = self.containers[index].name
      let image = self.manifest.containers.first { $0.name == name }?.image
      self.containers[index].image = image ?? self.containers[index].image
      let container = self.containers[index]
      effects.append(.startContainer(container.name, attempt: container.restartCount))
    }
    return effects
  }

  /// Asks what shall end to stop, and kills it when its grace period is over.
  private mutating func stop(now: Instant) -> [Effect] {
    var effects: [Effect] = []
    for index in self.containers.indices {
      guard self.containers[index].isAlive, let stop = self.containers[index].stop else { continue }
      let signal: ContainerSignal = now >= stop.killAt ? .kill : .terminate
      guard stop.lastSignal != signal else { continue }
      self.containers[index].stop?.lastSignal = signal
      effects.append(.signal(signal, self.containers[index].name))
    }
    return effects
  }

  /// Asks for the next instant at which something falls due. At most one request is outstanding, but
  /// for an earlier one; a deadline that is pushed out again and again costs nothing.
  private mutating func wake(after now: Instant) -> [Effect] {
    var due = self.containers.compactMap { container -> Instant? in
      switch container.state {
      case .backingOff(let until, _): until
      case .creating, .running: container.stop?.killAt
      case .new, .ended: nil
      }
    }
    if let deadline, !self.isTerminating, !self.isFinished { due.append(deadline) }
    guard let next = due.filter({ $0 > now }).min(), self.alarm.map({ next < $0 }) ?? true else {
      return []
    }
    self.alarm = next
    return [.wake(at: next)]
  }
}

extension PodLifecycle.Container {
  /// Notes the end of a run and what follows it.
  fileprivate mutating func finish(
    code: Int32, at now: Instant, policy: PodManifest.RestartPolicy, isOver: Bool
  ) {
    var startedAt: Instant?
    if case .running(let since) = self.state { startedAt = since }
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
    case nil: break
    }
    switch policy {
    case .never: self.state = .ended
    case .onFailure where code == 0: self.state = .ended
    case .always, .onFailure:
      let delay = self.backOff.next(startedAt: startedAt ?? now, endedAt: now)
      self.state = .backingOff(until: now + delay, delay: delay)
    }
  }

  /// Goes on with an image that may be another one.
  fileprivate mutating func take(image: String, killAt: Instant, at now: Instant) {
    let isNew = image != self.image
    switch self.state {
    case .creating, .running: if isNew || self.isLeaving { self.end(by: killAt, then: .startAgain) }
    case .backingOff: if isNew { self.startAfresh(at: now) }
    case .new, .ended: break
    }
  }

  /// Asks for the container's end; the earliest end that was asked for counts.
  fileprivate mutating func end(by killAt: Instant, then sequel: PodLifecycle.Stop.Sequel) {
    self.stop = .init(
      killAt: min(killAt, self.stop?.killAt ?? killAt), sequel: sequel,
      lastSignal: self.stop?.lastSignal)
  }

  /// Another image has no failures behind it.
  private mutating func startAfresh(at now: Instant) {
    self.backOff = CrashLoopBackOff()
    self.state = .backingOff(until: now, delay: .zero)
  }
}

extension PodEvent {
  /// Source: `pkg/kubelet/active_deadline.go`.
  static let deadlineExceeded = Self(
    severity: .normal, reason: "DeadlineExceeded",
    message: "Pod was active on the node longer than the specified deadline")
}

/// What a container is told.
public enum ContainerSignal: Equatable, Sendable {
  /// SIGTERM: end in an orderly way.
  case terminate
  /// SIGKILL: end at once.
  case kill
}
