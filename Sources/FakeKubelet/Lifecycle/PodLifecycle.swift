/// One pod from its first start to the end of its last container, as a value: facts go in, effects
/// come out.
///
/// Init containers run first, one after the other; then the main containers run all at once.
///
/// It reads no clock and waits for nothing; the same facts at the same instants give the same effects.
/// - Invariant: a container is started only while no container of its name runs in this pod, and never
///   after the pod's termination has begun. A termination is final: a pod whose deadline has passed stays
///   failed, whatever its manifest says later.
/// - Source: `pkg/kubelet/pod_workers.go`, `kuberuntime/kuberuntime_manager.go`, `active_deadline.go`.
public struct PodLifecycle: Equatable, Sendable {
  /// A fact.
  package enum Event: Equatable, Sendable {
    /// The pod is new, or the instant of an ``Effect/wake(at:)`` has come.
    case woke
    /// The container runs.
    case containerStarted(String)
    /// The container, which ends next, has left a termination message.
    case containerSaid(String, String)
    /// The container has ended: the last fact about this start.
    case containerExited(String, code: Int32)
    /// The container could not be started: the last fact about this start.
    case containerFailedToStart(String, StartFailure)
    /// A hook has ended; `failure` says why it failed.
    case hookEnded(HookKind, String, failure: String?)
    /// A probe has a result.
    case probed(Probe.Kind, String, ProbeResult)
    /// The manifest has changed under the same uid.
    case updated(PodManifest)
    /// The API server deletes the pod: stop everything within this time, and stay, to show how it ended.
    case deleted(gracePeriod: Duration)
    /// The manifest is gone: stop everything.
    case removed
    /// The kubelet stops: stop everything. The next kubelet starts the pod anew, so it gets no final phase.
    case stopping
    /// What is being stopped is not killed before this instant.
    case prolonged(until: KubeletInstant)
  }

  /// An action, to be carried out in order.
  package enum Effect: Equatable, Sendable {
    /// Starts a container. Answered by at most one ``Event/containerStarted(_:)`` and then by exactly
    /// one ``Event/containerExited(_:code:)``, or by ``Event/containerFailedToStart(_:_:)`` alone.
    case startContainer(String, attempt: Int)
    /// Runs the container's hook. Answered by one ``Event/hookEnded(_:_:failure:)``, perhaps too late.
    case runHook(HookKind, String, ContainerAction)
    /// Probes the container. Answered by one ``Event/probed(_:_:_:)``, perhaps too late.
    case probe(Probe.Kind, String, Probe, runningFor: Duration)
    case signal(ContainerSignal, String)
    case wake(at: KubeletInstant)
    case report(PodEvent)
    /// All containers have ended and none will start. Comes once, last, and only after ``Event/removed``.
    case ended
  }

  package private(set) var manifest: PodManifest
  /// In the manifest's order, init containers first; then running ones that the manifest no longer names.
  package internal(set) var containers: [Container]
  /// When the kubelet started with the pod.
  package let startedAt: KubeletInstant
  /// When all init containers had finished; final.
  package private(set) var initializedAt: KubeletInstant?
  /// When the last container ended and none was to start again.
  package private(set) var finishedAt: KubeletInstant?
  /// When the pod last became ready or not ready.
  package private(set) var readinessChangedAt: KubeletInstant
  /// When SIGKILL follows; `nil` unless the pod is terminating.
  package internal(set) var killAt: KubeletInstant?
  /// Whether the pod was active for longer than its manifest allows.
  package private(set) var hasExceededDeadline = false
  /// Whether the API server has deleted it; it gets a final phase then.
  private(set) var isDeleted = false
  private var isRemoved = false
  private var hasEnded = false
  private var alarm: KubeletInstant?
  private let backOff: CrashLoopBackOff

  /// A pod before its start; it starts with the first ``Event/woke``.
  /// - Parameters:
  ///   - backOff: of each container.
  ///   - survivors: its containers that a former kubelet has left.
  package init(
    _ manifest: PodManifest, at now: KubeletInstant, backOff: CrashLoopBackOff = CrashLoopBackOff(),
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
      self.update(survivor.container) { $0.adopt(survivor) }
      // A running main container shows that the init containers have finished.
      let role = manifest.container(named: survivor.container)?.role
      guard survivor.isRunning, role == .main else { continue }
      self.initializedAt = now
      for container in manifest.initContainers where container.role == .initial {
        self.update(container.name) { $0.skip(at: now) }
      }
    }
  }

  /// Whether no container starts any more: the manifest is gone, the deadline has passed, or the pod has
  /// ended by itself.
  package var isTerminating: Bool { self.killAt != nil }

  /// Whether no container runs or will start; the manifest may still be there.
  package var isFinished: Bool {
    self.hasOutcome && !self.containers.contains(where: \.isAlive)
  }

  private var hasOutcome: Bool { self.phase == .succeeded || self.phase == .failed }

  /// Whether the instant of a ``Effect/wake(at:)`` has come.
  func isDue(at now: KubeletInstant) -> Bool { self.alarm.map { $0 <= now } ?? false }

  /// Whether all containers except init containers are ready.
  package var isReady: Bool { !self.hasExceededDeadline && self.unready.isEmpty }

  /// The names of the containers that are not ready, in order.
  var unready: [String] {
    self.listed.filter { $0.role != .initial && !$0.isReady }.map(\.name).sorted()
  }

  /// When the pod fails unless it has ended before; on the monotonic clock, as ``startedAt``.
  package var deadline: KubeletInstant? { self.manifest.activeDeadline.map { self.startedAt + $0 } }

  /// The containers that the manifest names.
  var listed: [Container] { self.containers.filter { !$0.isLeaving } }

  /// Applies a fact and returns what follows from it.
  package mutating func handle(_ event: Event, at now: KubeletInstant) -> [Effect] {
    let wasReady = self.isReady
    var effects: [Effect] = []
    switch event {
    case .woke: if let alarm, alarm <= now { self.alarm = nil }
    case .updated(let manifest): self.apply(manifest, at: now)
    case .deleted(let gracePeriod):
      self.isDeleted = true
      self.terminate(at: now, gracePeriod: gracePeriod)
    case .removed:
      self.isRemoved = true
      self.terminate(at: now)
    case .stopping: self.terminate(at: now)
    case .prolonged(let instant): self.prolong(until: instant)
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
      effects += self.record(kind, of: name, result, at: now)
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
    case .containerSaid(let name, let message): self.update(name) { $0.message = message }
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
      // A volume belongs to the whole pod.
      effects.append(.report(failure.event == "FailedMount" ? event : event.about(name)))
    }
    if let deadline, now >= deadline, !self.isTerminating, !self.hasOutcome {
      self.hasExceededDeadline = true
      effects.append(.report(.deadlineExceeded))
    }
    // The end of the main containers stops the sidecars.
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

  mutating func update(_ name: String, _ change: (inout Container) -> Void) {
    guard let index = self.containers.firstIndex(where: { $0.name == name }) else { return }
    change(&self.containers[index])
  }

  /// Continues with another manifest. A container restarts when its image has changed; as in the real
  /// kubelet, other changes do not matter.
  private mutating func apply(_ manifest: PodManifest, at now: KubeletInstant) {
    self.manifest = manifest
    guard !self.isTerminating else { return }
    let killAt = now + manifest.gracePeriod
    var former = self.containers
    self.containers = (manifest.initContainers + manifest.containers).map { wanted in
      guard
        let index = former.firstIndex(where: { ($0.name, $0.role) == (wanted.name, wanted.role) })
      else { return Container(wanted, backOff: self.backOff) }
      var container = former.remove(at: index)
      container.apply(image: wanted.image, killAt: killAt, at: now)
      return container
    }
    for var container in former where container.isAlive {
      container.end(by: killAt, then: .leave)
      self.containers.append(container)
    }
  }

  /// Starts containers that are new or have waited long enough, in the order of their roles.
  private mutating func start(now: KubeletInstant) -> [Effect] {
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

  private mutating func startIfDue(_ index: Int, now: KubeletInstant) -> [Effect] {
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

  /// Requests a wake-up for the next due instant, unless an earlier one is outstanding. So a deadline that
  /// moves out again and again costs nothing.
  private mutating func wake(after now: KubeletInstant) -> [Effect] {
    var due = self.containers.compactMap { container -> KubeletInstant? in
      switch container.state {
      case .backingOff(let until, _): until
      case .creating, .running: container.stop?.due
      case .new, .ended: nil
      }
    }
    for container in self.containers {
      due += self.activeProbes(of: container).compactMap { container.probes[$0]?.due }
    }
    if let deadline, !self.isTerminating { due.append(deadline) }
    guard let next = due.filter({ $0 > now }).min(), self.alarm.map({ next < $0 }) ?? true else {
      return []
    }
    self.alarm = next
    return [.wake(at: next)]
  }
}
