/// All pods of a node, as a value: to ``PodLifecycle`` it adds that a pod waits for the end of the former
/// pod of its name.
///
/// - Invariant: at most one pod of a name has containers. A manifest with another uid is a removal and an
///   addition; the new pod starts after the last container of the old one has ended.
/// - Source: `pkg/kubelet/pod_workers.go` allowStaticPodStart, which polls every 10 to 15 s. Here the end of
///   the old pod starts the new one, unless polling is configured.
package struct PodWorkers: Equatable, Sendable {
  /// A fact.
  package enum Event: Equatable, Sendable {
    /// The pods to run have changed; removals are applied first, updates last.
    case changed(
      removed: [PodName] = [], added: [PodManifest] = [], updated: [PodManifest] = [])
    /// The API server deletes the pod with this grace period; its removal follows after its end.
    case deleted(PodName, uid: String, gracePeriod: Duration)
    case containerStarted(ContainerID)
    /// The container has left a termination message; it comes just before the container's end.
    case containerSaid(ContainerID, String)
    case containerExited(ContainerID, code: Int32)
    case containerFailedToStart(ContainerID, StartFailure)
    case hookEnded(HookKind, ContainerID, failure: String?)
    case probed(Probe.Kind, ContainerID, ProbeResult)
    /// The instant of an ``Effect/wake(at:)`` has come.
    case woke
    /// The kubelet stops: all pods end with their grace, and none starts any more.
    case stopping
  }

  /// An action, to be carried out in order.
  package enum Effect: Equatable, Sendable {
    case startContainer(ContainerID, PodManifest)
    case runHook(HookKind, ContainerAction, ContainerID, PodManifest)
    case probe(Probe.Kind, Probe, ContainerID, PodManifest, runningFor: Duration)
    case signal(ContainerSignal, ContainerID)
    case wake(at: KubeletInstant)
    case report(PodEvent, PodName)
    case podEnded(PodName, uid: String)
  }

  /// The pods that have or had containers, including terminating ones.
  package private(set) var running: [PodName: PodLifecycle] = [:]
  /// Pods that wait for the end of a pod of the same name.
  package private(set) var waiting: [PodName: PodManifest] = [:]
  /// When each pod with a manifest was first seen: the pods of `/pods`.
  package private(set) var seenAt: [PodName: KubeletInstant] = [:]
  /// The number of the last change of each pod in `/pods`.
  private(set) var lastChange: [PodName: UInt64] = [:]
  private var changes: UInt64 = 0
  /// Numbers all starts, so that those of pods with the same uid differ.
  private var starts: UInt64 = 0
  private var current: [PodName: [String: ContainerID]] = [:]

  private var isStopping = false

  package private(set) var counts = Counts()
  /// The pods that have been Running.
  private var haveRun: Set<PodName> = []
  private let backOff: CrashLoopBackOff
  private let replacesBetweenPolls: Bool
  /// Since when each pod waits for the end of another one.
  private var waitingSince: [PodName: KubeletInstant] = [:]
  /// Containers of a former kubelet by pod uid, until their pod starts.
  private(set) var survivors: [String: [SurvivingContainer]]

  /// - Parameters:
  ///   - backOff: of each container.
  ///   - replacesBetweenPolls: whether the end of a pod starts the pod that waits for it; else a waiting
  ///     pod polls every 10 to 15 s, as in the real kubelet.
  ///   - survivors: the containers of a former kubelet.
  package init(
    backOff: CrashLoopBackOff = CrashLoopBackOff(), replacesBetweenPolls: Bool = true,
    survivors: [SurvivingContainer] = []
  ) {
    self.backOff = backOff
    self.replacesBetweenPolls = replacesBetweenPolls
    self.survivors = Dictionary(grouping: survivors, by: \.uid)
  }

  /// Removes the surviving containers that belong to none of these pods.
  /// - Parameter source: the source of their pods; `nil` for any.
  /// - Returns: them; those that run are to be stopped, and what is left of each pod is to be removed.
  mutating func removeOrphans(
    besides pods: [PodManifest], from source: PodManifest.Source? = nil
  ) -> [SurvivingContainer] {
    let wanted = Set(pods.map(\.uid))
    let orphans = self.survivors.filter { uid, containers in
      !wanted.contains(uid) && (source == nil || containers.first?.source == source)
    }
    self.survivors = self.survivors.filter { orphans[$0.key] == nil }
    return orphans.sorted { $0.key < $1.key }.flatMap(\.value)
  }

  /// Applies a fact and returns what follows from it.
  package mutating func handle(_ event: Event, at now: KubeletInstant) -> [Effect] {
    switch event {
    case .changed(let removed, let added, let updated):
      return removed.flatMap { self.remove($0, at: now) } + added.flatMap { self.add($0, at: now) }
        + updated.flatMap { self.update($0, at: now) }
    case .deleted(let name, let uid, let gracePeriod):
      guard self.running[name]?.manifest.uid == uid else { return [] }
      return self.pass(.deleted(gracePeriod: gracePeriod), to: name, at: now)
    case .containerStarted(let id):
      return self.pass(.containerStarted(id.container), about: id, at: now)
    case .containerSaid(let id, let message):
      return self.pass(.containerSaid(id.container, message), about: id, at: now)
    case .containerExited(let id, let code):
      return self.pass(.containerExited(id.container, code: code), about: id, at: now, isLast: true)
    case .containerFailedToStart(let id, let failure):
      return self.pass(
        .containerFailedToStart(id.container, failure), about: id, at: now, isLast: true)
    case .hookEnded(let kind, let id, let failure):
      return self.pass(.hookEnded(kind, id.container, failure: failure), about: id, at: now)
    case .probed(let kind, let id, let result):
      return self.pass(.probed(kind, id.container, result), about: id, at: now)
    case .woke:
      let due = self.waiting.keys.sorted().filter {
        self.running[$0] == nil && self.poll(of: $0, from: now) <= now
      }
      return due.flatMap { self.beginWaiting($0, at: now) }
        + self.running.filter { $1.isDue(at: now) }.keys.sorted()
        .flatMap { self.pass(.woke, to: $0, at: now) }
    case .stopping:
      self.isStopping = true
      return self.running.keys.sorted().flatMap { self.pass(.stopping, to: $0, at: now) }
    }
  }

  /// Whether the kubelet stops, and the last container has ended.
  package var haveStopped: Bool {
    self.isStopping
      && !self.running.values.contains { $0.containers.contains(where: \.isAlive) }
  }

  /// The current run of a container.
  func id(of container: String, in pod: PodName) -> ContainerID? { self.current[pod]?[container] }

  private mutating func remove(_ name: PodName, at now: KubeletInstant) -> [Effect] {
    self.seenAt[name] = nil
    self.lastChange[name] = nil
    self.waiting[name] = nil
    self.waitingSince[name] = nil
    let effects = self.pass(.removed, to: name, at: now)
    guard self.isStopping, let killAt = self.running[name]?.killAt else { return effects }
    // An elector that removes a manifest while the kubelet stops waits for that pod's end: it is not killed
    // together with the pod.
    return effects
      + self.running.keys.filter { self.seenAt[$0] != nil }.sorted()
      .flatMap { self.pass(.prolonged(until: killAt + Self.farewell), to: $0, at: now) }
  }

  /// How much longer than the pod that it has removed an elector may run: it asks the kubelet several times a
  /// second, and then its store.
  private static let farewell = Duration.seconds(5)

  private mutating func add(_ manifest: PodManifest, at now: KubeletInstant) -> [Effect] {
    self.seenAt[manifest.name] = now
    self.noteChange(of: manifest.name)
    guard self.running[manifest.name] == nil, self.waiting[manifest.name] == nil, !self.isStopping
    else {
      if self.running[manifest.name]?.manifest.uid == manifest.uid {
        self.counts.restartedPods += 1
      }
      self.waiting[manifest.name] = manifest
      if self.waitingSince[manifest.name] == nil { self.waitingSince[manifest.name] = now }
      return []
    }
    return self.begin(manifest, at: now)
  }

  /// The pod continues, or keeps waiting, with a new manifest.
  private mutating func update(_ manifest: PodManifest, at now: KubeletInstant) -> [Effect] {
    guard self.waiting[manifest.name] == nil else {
      self.noteChange(of: manifest.name)
      self.waiting[manifest.name] = manifest
      return []
    }
    return self.pass(.updated(manifest), to: manifest.name, at: now)
  }

  private mutating func beginWaiting(_ name: PodName, at now: KubeletInstant) -> [Effect] {
    guard !self.isStopping else { return [] }
    self.waitingSince[name] = nil
    guard let manifest = self.waiting.removeValue(forKey: name) else { return [] }
    return self.begin(manifest, at: now)
  }

  /// When a waiting pod next polls for the end of the other one: every 10 to 15 s. The real kubelet draws
  /// the period at random; here it follows from the uid.
  private func poll(of name: PodName, from now: KubeletInstant) -> KubeletInstant {
    guard !self.replacesBetweenPolls, let since = self.waitingSince[name] else { return now }
    let jitter = (self.waiting[name]?.uid ?? "").utf8.reduce(0) { ($0 * 31 + Int($1)) % 5000 }
    let period = Duration.milliseconds(10_000 + jitter)
    var poll = since + period
    while poll < now { poll = poll + period }
    return poll
  }

  private mutating func noteChange(of name: PodName) {
    guard self.seenAt[name] != nil else { return }
    self.changes += 1
    self.lastChange[name] = self.changes
  }

  private mutating func begin(_ manifest: PodManifest, at now: KubeletInstant) -> [Effect] {
    self.running[manifest.name] = PodLifecycle(
      manifest, at: now, backOff: self.backOff,
      survivors: self.survivors.removeValue(forKey: manifest.uid) ?? [])
    return self.pass(.woke, to: manifest.name, at: now)
  }

  /// Passes on a fact about a container's current run; a fact about an earlier run comes too late.
  private mutating func pass(
    _ event: PodLifecycle.Event, about id: ContainerID, at now: KubeletInstant, isLast: Bool = false
  ) -> [Effect] {
    guard self.current[id.pod]?[id.container] == id else { return [] }
    if isLast { self.current[id.pod]?[id.container] = nil }
    return self.pass(event, to: id.pod, at: now)
  }

  private mutating func pass(
    _ event: PodLifecycle.Event, to name: PodName, at now: KubeletInstant
  ) -> [Effect] {
    guard let steps = self.running[name]?.handle(event, at: now), let pod = self.running[name]
    else { return [] }
    self.noteChange(of: name)
    if pod.phase == .running, self.haveRun.insert(name).inserted {
      self.counts.ran(after: now - (self.seenAt[name] ?? pod.startedAt))
    }
    var effects: [Effect] = []
    for step in steps {
      switch step {
      case .startContainer(let container, let attempt):
        self.starts += 1
        let id = ContainerID(
          pod: name, container: container, attempt: attempt, serial: self.starts)
        self.current[name, default: [:]][container] = id
        effects.append(.startContainer(id, pod.manifest))
        if pod.manifest.container(named: container)?.role == .main {
          self.counts.startedContainers += 1
        } else {
          self.counts.startedInitContainers += 1
        }
      case .runHook(let kind, let container, let action):
        if let id = self.current[name]?[container] {
          effects.append(.runHook(kind, action, id, pod.manifest))
        }
      case .probe(let kind, let container, let probe, let runningFor):
        if let id = self.current[name]?[container] {
          effects.append(.probe(kind, probe, id, pod.manifest, runningFor: runningFor))
        }
      case .signal(let signal, let container):
        if let id = self.current[name]?[container] { effects.append(.signal(signal, id)) }
      case .wake(let instant): effects.append(.wake(at: instant))
      case .report(let event): effects.append(.report(event, name))
      case .ended:
        self.running[name] = nil
        self.current[name] = nil
        self.haveRun.remove(name)
        effects.append(.podEnded(name, uid: pod.manifest.uid))
        guard self.waiting[name] != nil else { continue }
        let poll = self.poll(of: name, from: now)
        effects += poll <= now ? self.beginWaiting(name, at: now) : [.wake(at: poll)]
      }
    }
    return effects
  }
}
