/// One pod from its first start to the end of its last container, as a value: facts go in, effects
/// come out.
///
/// Initial containers come first, one after the other; then the others all at once.
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
    /// The container has ended. The last fact about this start.
    case containerExited(String, code: Int32)
    /// The container could not be started. The last fact about this start.
    case containerFailedToStart(String, StartFailure)
    /// A hook that was asked for has ended; why it failed, if it did.
    case hookEnded(HookKind, String, failure: String?)
    /// A probe that was asked for has been answered.
    case probed(Probe.Kind, String, ProbeResult)
    /// The manifest was rewritten under the same uid.
    case updated(PodManifest)
    /// The API server wants the pod to end within this time: stop everything, but stay, so that it can be
    /// seen how it has ended.
    case deleted(gracePeriod: Duration)
    /// The manifest is gone: stop everything.
    case removed
  }

  /// What is to be done, in this order.
  public enum Effect: Equatable, Sendable {
    /// Start a container. Answered by at most one ``Event/containerStarted(_:)`` and then by exactly
    /// one ``Event/containerExited(_:code:)``, or by ``Event/containerFailedToStart(_:_:)`` alone.
    case startContainer(String, attempt: Int)
    /// Carry out the container's hook. Answered by one ``Event/hookEnded(_:_:failure:)``, which may
    /// come too late to matter.
    case runHook(HookKind, String, ContainerAction)
    /// Ask the container, which has been running for so long. Answered by one
    /// ``Event/probed(_:_:_:)``, which may come too late to matter.
    case probe(Probe.Kind, String, Probe, runningFor: Duration)
    case signal(ContainerSignal, String)
    case wake(at: Instant)
    case report(PodEvent)
    /// Every container has ended and none will be started. Comes once, last, and only after
    /// ``Event/removed``.
    case ended
  }

  public private(set) var manifest: PodManifest
  /// In the manifest's order, init containers first; last those that it names no more and that have
  /// not ended.
  public private(set) var containers: [Container]
  /// When the kubelet first took up the pod.
  public let startedAt: Instant
  /// Since when the initial containers have all done their part; never taken back.
  public private(set) var initializedAt: Instant?
  /// Since when nothing runs and nothing will.
  public private(set) var finishedAt: Instant?
  /// Since when all containers have been ready, or since when not all.
  public private(set) var readinessChangedAt: Instant
  /// When SIGKILL follows; `nil` unless the pod is being terminated.
  public private(set) var killAt: Instant?
  /// Whether the pod was active for longer than its manifest allowed.
  public private(set) var hasExceededDeadline = false
  /// Whether the API server wants it to end; it has a final phase then.
  private(set) var isDeleted = false
  private var isRemoved = false
  private var hasEnded = false
  private var alarm: Instant?
  private let backOff: CrashLoopBackOff

  /// A pod of which nothing runs yet; it starts with the first ``Event/woke``.
  /// - Parameter backOff: of each container.
  /// - Parameter survivors: its containers that a former kubelet has left.
  public init(
    _ manifest: PodManifest, at now: Instant, backOff: CrashLoopBackOff = CrashLoopBackOff(),
    survivors: [SurvivingContainer] = []
  ) {
    self.manifest = manifest
    self.backOff = backOff
    self.containers = (manifest.initContainers + manifest.containers).map {
      Container($0, backOff: backOff)
    }
    self.startedAt = now
    self.readinessChangedAt = now
    for survivor in survivors {
      self.update(survivor.container) { $0.take(survivor) }
      // What comes before it has been done.
      let role = manifest.container(named: survivor.container)?.role
      guard survivor.isRunning, role == .main else { continue }
      self.initializedAt = now
      for container in manifest.initContainers where container.role == .initial {
        self.update(container.name) { $0.skip(at: now) }
      }
    }
  }

  /// Whether containers are being stopped, or were, and none is started any more: the manifest is
  /// gone, the deadline has passed, or the pod has done what it was there for.
  public var isTerminating: Bool { self.killAt != nil }

  /// Whether nothing runs and nothing will, though the manifest may still be there.
  public var isFinished: Bool {
    self.hasOutcome && !self.containers.contains(where: \.isAlive)
  }

  private var hasOutcome: Bool { self.phase == .succeeded || self.phase == .failed }

  /// Whether an instant that was asked for has come.
  func isDue(at now: Instant) -> Bool { self.alarm.map { $0 <= now } ?? false }

  /// Whether all containers are ready, those aside that are there for the beginning alone.
  public var isReady: Bool { !self.hasExceededDeadline && self.unready.isEmpty }

  /// The names of the containers that are not ready, in order.
  var unready: [String] {
    self.listed.filter { $0.role != .initial && !$0.isReady }.map(\.name).sorted()
  }

  /// When the pod fails unless it has ended before. The time of day plays no part: the deadline
  /// counts on the clock on which ``startedAt`` was taken.
  public var deadline: Instant? { self.manifest.activeDeadline.map { self.startedAt + $0 } }

  /// The containers that the manifest names.
  var listed: [Container] { self.containers.filter { !$0.isLeaving } }

  /// Takes in a fact and says what follows.
  public mutating func handle(_ event: Event, at now: Instant) -> [Effect] {
    let wasReady = self.isReady
    var effects: [Effect] = []
    switch event {
    case .woke: if let alarm, alarm <= now { self.alarm = nil }
    case .updated(let manifest): self.take(manifest, at: now)
    case .deleted(let gracePeriod):
      self.isDeleted = true
      self.terminate(at: now, gracePeriod: gracePeriod)
    case .removed:
      self.isRemoved = true
      self.terminate(at: now)
    case .hookEnded(.preStop, let name, let failure):
      effects += failure.map { [.report(.failedPreStop($0).about(name))] } ?? []
      self.update(name) { container in
        if case .hook = container.stop?.step { container.stop?.step = .hook(until: now) }
      }
    case .hookEnded(.postStart, let name, let failure):
      guard let failure else { break }
      effects.append(.report(.failedPostStart(failure).about(name)))
      effects += self.restart(name, gracePeriod: nil, because: "PostStartHook failed", at: now)
    case .probed(let kind, let name, let result):
      effects += self.take(kind, of: name, result, at: now)
    case .containerStarted(let name):
      self.update(name) { container in
        guard container.state == .creating else { return }
        container.state = .running(since: now)
        container.startFailures = 0
        for kind in container.probes.keys { container.probes[kind]?.containerStarted(at: now) }
      }
      if case .action(let action) = self.manifest.container(named: name)?.postStart {
        effects.append(.runHook(.postStart, name, action))
      }
    case .containerExited(let name, let code):
      let policy = self.manifest.restartPolicy
      let isOver = self.isTerminating
      self.update(name) { container in
        guard container.isAlive else { return }
        container.finish(code: code, at: now, policy: policy, isOver: isOver)
      }
      self.containers.removeAll { $0.isLeaving && !$0.isAlive }
    case .containerFailedToStart(let name, let failure):
      let isOver = self.isTerminating
      self.update(name) { container in
        guard container.isAlive else { return }
        container.fail(failure, at: now, isOver: isOver)
      }
      self.containers.removeAll { $0.isLeaving && !$0.isAlive }
      let event = PodEvent(severity: .warning, reason: failure.event, message: failure.message)
      // A volume is the whole pod's.
      effects.append(.report(failure.event == "FailedMount" ? event : event.about(name)))
    }
    if let deadline, now >= deadline, !self.isTerminating, !self.hasOutcome {
      self.hasExceededDeadline = true
      effects.append(.report(.deadlineExceeded))
    }
    // Sidecars do not outlive what they were there for.
    if self.hasOutcome { self.terminate(at: now) }
    effects += self.start(now: now) + self.stop(now: now) + self.probe(now: now)
    if self.isReady != wasReady { self.readinessChangedAt = now }
    if self.finishedAt == nil, self.isFinished { self.finishedAt = now }
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
    guard !self.isTerminating else { return }
    let killAt = now + manifest.gracePeriod
    var former = self.containers
    self.containers = (manifest.initContainers + manifest.containers).map { wanted in
      guard
        let index = former.firstIndex(where: { ($0.name, $0.role) == (wanted.name, wanted.role) })
      else { return Container(wanted, backOff: self.backOff) }
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
  /// - Parameter gracePeriod: `nil` for the manifest's, which shortens none that was given before.
  private mutating func terminate(at now: Instant, gracePeriod: Duration? = nil) {
    guard self.killAt == nil || gracePeriod != nil else { return }
    let period = max(gracePeriod ?? self.manifest.gracePeriod, PodManifest.minimumGracePeriod)
    let killAt = min(now + period, self.killAt ?? now + period)
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

  /// Starts what is new or has waited long enough, as far as those before it let it.
  private mutating func start(now: Instant) -> [Effect] {
    var effects: [Effect] = []
    for index in self.containers.indices {
      let role = self.containers[index].role
      if self.initializedAt == nil {
        if role == .main { self.initializedAt = now }
      } else if role == .initial {
        continue
      }
      effects += self.startIfDue(index, now: now)
      guard self.initializedAt == nil else { continue }
      let container = self.containers[index]
      guard role == .initial ? container.isComplete : container.isStarted else { break }
    }
    return effects
  }

  private mutating func startIfDue(_ index: Int, now: Instant) -> [Effect] {
    switch self.containers[index].state {
    case .new: break
    case .backingOff(let until, _) where until <= now:
      if self.containers[index].startFailure == nil { self.containers[index].restartCount += 1 }
      self.containers[index].startFailure = nil
    case .backingOff, .creating, .running, .ended: return []
    }
    let name = self.containers[index].name
    self.containers[index].state = .creating
    if let container = self.manifest.container(named: name) {
      self.containers[index].image = container.image
    }
    return [.startContainer(name, attempt: self.containers[index].restartCount)]
  }

  /// Asks what shall end to stop, and kills it when its grace period is over.
  private mutating func stop(now: Instant) -> [Effect] {
    var effects: [Effect] = []
    for index in self.containers.indices where self.containers[index].isAlive {
      guard var stop = self.containers[index].stop else { continue }
      let container = self.containers[index]
      if stop.step == .asked {
        guard !self.isNeeded(index) || stop.killAt <= now else { continue }
        let hook = self.manifest.container(named: container.name)?.preStop
        switch container.isRunning ? hook : nil {
        case .sleep(let duration): stop.step = .hook(until: now + duration)
        case .action(let action):
          stop.step = .hook(until: stop.killAt)
          effects.append(.runHook(.preStop, container.name, action))
        case nil: stop.step = .hook(until: now)
        }
      }
      switch stop.step {
      case .hook where stop.due.map { $0 <= now } ?? false:
        stop.step = .terminated
        // However long the hook took.
        stop.killAt = max(stop.killAt, now + PodManifest.minimumGracePeriod)
        effects.append(.signal(.terminate, container.name))
      case .terminated where stop.killAt <= now:
        stop.step = .killed
        effects.append(.signal(.kill, container.name))
      case .asked, .hook, .terminated, .killed: break
      }
      self.containers[index].stop = stop
    }
    return effects
  }

  /// Whether a sidecar of a pod that ends goes on because another container that came after it has
  /// not ended yet. It has what is left of the pod's grace period.
  private func isNeeded(_ index: Int) -> Bool {
    self.isTerminating && self.containers[index].role == .sidecar
      && self.containers[(index + 1)...].contains { $0.isAlive && $0.role != .initial }
  }

  /// Which probes of a container are carried out at present.
  private func questions(to container: Container) -> [Probe.Kind] {
    guard container.isRunning else { return [] }
    let mayRestart = !self.isTerminating && container.stop == nil
    guard container.isStarted else { return mayRestart ? [.startup] : [] }
    return mayRestart ? [.liveness, .readiness] : [.readiness]
  }

  private mutating func probe(now: Instant) -> [Effect] {
    var effects: [Effect] = []
    for index in self.containers.indices {
      for kind in self.questions(to: self.containers[index]) {
        guard self.containers[index].probes[kind]?.ask(at: now) == true,
          let probe = self.containers[index].probes[kind]?.probe,
          case .running(let since) = self.containers[index].state
        else { continue }
        effects.append(
          .probe(kind, self.containers[index].name, probe, runningFor: now - since))
      }
    }
    return effects
  }

  /// Takes in a probe's answer; what is found dead is stopped, to be started anew.
  private mutating func take(
    _ kind: Probe.Kind, of name: String, _ result: ProbeResult, at now: Instant
  ) -> [Effect] {
    var verdict: ProbeWorker.Verdict?
    var gracePeriod: Duration?
    self.update(name) { container in
      guard container.isRunning else { return }
      container.probes[kind]?.take(result)
      verdict = container.probes[kind]?.verdict
      gracePeriod = container.probes[kind]?.probe.gracePeriod
    }
    guard let verdict else { return [] }
    let effects = PodEvent.unhealthy(kind, result).map { [Effect.report($0.about(name))] } ?? []
    guard kind != .readiness, verdict == .failure else { return effects }
    return effects
      + self.restart(
        name, gracePeriod: gracePeriod, because: "failed \(kind.rawValue.lowercased()) probe",
        at: now)
  }

  /// Stops a container that is of no use as it is; the back-off decides when it starts again.
  private mutating func restart(
    _ name: String, gracePeriod: Duration?, because reason: String, at now: Instant
  ) -> [Effect] {
    guard !self.isTerminating else { return [] }
    let killAt = now + (gracePeriod ?? self.manifest.gracePeriod)
    var isStopped = false
    self.update(name) { container in
      guard container.isRunning, container.stop == nil else { return }
      container.end(by: killAt, then: .restart)
      isStopped = true
    }
    let sequel = self.manifest.restartPolicy == .never ? "" : ", will be restarted"
    let event = PodEvent.killing("Container \(name) \(reason)\(sequel)").about(name)
    return isStopped ? [.report(event)] : []
  }

  /// Asks for the next instant at which something falls due. At most one request is outstanding, but
  /// for an earlier one; a deadline that is pushed out again and again costs nothing.
  private mutating func wake(after now: Instant) -> [Effect] {
    var due = self.containers.compactMap { container -> Instant? in
      switch container.state {
      case .backingOff(let until, _): until
      case .creating, .running: container.stop?.due
      case .new, .ended: nil
      }
    }
    for container in self.containers {
      due += self.questions(to: container).compactMap { container.probes[$0]?.due }
    }
    if let deadline, !self.isTerminating { due.append(deadline) }
    guard let next = due.filter({ $0 > now }).min(), self.alarm.map({ next < $0 }) ?? true else {
      return []
    }
    self.alarm = next
    return [.wake(at: next)]
  }
}

extension PodEvent {
  /// Source: `pkg/kubelet/active_deadline.go`.
  static let deadlineExceeded = Self(
    severity: .normal, reason: "DeadlineExceeded",
    message: "Pod was active on the node longer than the specified deadline")

  /// Source: `pkg/kubelet/prober/prober.go`; `nil` for a success.
  static func unhealthy(_ kind: Probe.Kind, _ result: ProbeResult) -> Self? {
    switch result {
    case .success: nil
    case .failure(let reason):
      Self(
        severity: .warning, reason: "Unhealthy",
        message: "\(kind.rawValue) probe failed: \(reason)")
    case .error(let reason):
      Self(
        severity: .warning, reason: "Unhealthy",
        message: "\(kind.rawValue) probe errored: \(reason)")
    }
  }

  static func killing(_ message: String) -> Self {
    Self(severity: .normal, reason: "Killing", message: message)
  }

  static func failedPostStart(_ reason: String) -> Self {
    Self(
      severity: .warning, reason: "FailedPostStartHook", message: "PostStartHook failed: \(reason)"
    )
  }

  static func failedPreStop(_ reason: String) -> Self {
    Self(
      severity: .warning, reason: "FailedPreStopHook", message: "PreStopHook failed: \(reason)")
  }
}

/// At which turn of a container's life a hook is carried out.
public enum HookKind: String, Sendable {
  case postStart
  case preStop
}

/// What a container is told.
public enum ContainerSignal: Equatable, Sendable {
  /// SIGTERM: end in an orderly way.
  case terminate
  /// SIGKILL: end at once.
  case kill
}
