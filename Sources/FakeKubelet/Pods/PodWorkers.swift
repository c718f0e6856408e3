/// All pods of a node, as a value: it adds to ``PodLifecycle`` that a pod waits until the former pod of
/// its name has ended.
///
/// - Invariant: at most one pod of a name has containers. A manifest with another uid is a removal and
///   an addition; the new pod starts when the last container of the old one has ended.
/// - Source: `pkg/kubelet/pod_workers.go` allowStaticPodStart, which polls for it every 10 to 15 s; here
///   the end of the old pod itself starts the new one.
public struct PodWorkers: Equatable, Sendable {
  /// What happened.
  public enum Event: Equatable, Sendable {
    /// The directory has changed; removals come first, updates last.
    case changed(removed: [PodName], added: [PodManifest], updated: [PodManifest] = [])
    case containerStarted(ContainerID)
    case containerExited(ContainerID, code: Int32)
    case preStopEnded(ContainerID, failure: String?)
    /// An instant that was asked for has come.
    case woke
  }

  /// What is to be done, in this order.
  public enum Effect: Equatable, Sendable {
    case startContainer(ContainerID, PodManifest)
    case runPreStop(ContainerAction, ContainerID, PodManifest)
    case signal(ContainerSignal, ContainerID)
    case wake(at: Instant)
    case report(PodEvent, PodName)
    case podEnded(PodName, uid: String)
  }

  /// The pods that have or had containers, those being terminated included.
  public private(set) var running: [PodName: PodLifecycle] = [:]
  /// Pods that wait for the end of a pod of the same name.
  public private(set) var waiting: [PodName: PodManifest] = [:]
  /// When each pod that is described by a manifest was first seen: what `/pods` shows.
  public private(set) var seenAt: [PodName: Instant] = [:]
  /// Tells apart the starts of a container, even of pods with the same uid.
  private var starts: UInt64 = 0
  private var current: [PodName: [String: ContainerID]] = [:]

  private let backOff: CrashLoopBackOff

  /// - Parameter backOff: of each container.
  public init(backOff: CrashLoopBackOff = CrashLoopBackOff()) {
    self.backOff = backOff
  }

  /// Takes in a fact and says what follows.
  public mutating func handle(_ event: Event, at now: Instant) -> [Effect] {
    switch event {
    case .changed(let removed, let added, let updated):
      return removed.flatMap { self.remove($0, at: now) } + added.flatMap { self.add($0, at: now) }
        + updated.flatMap { self.update($0, at: now) }
    case .containerStarted(let id):
      guard self.current[id.pod]?[id.container] == id else { return [] }
      return self.pass(.containerStarted(id.container), to: id.pod, at: now)
    case .containerExited(let id, let code):
      guard self.current[id.pod]?[id.container] == id else { return [] }
      self.current[id.pod]?[id.container] = nil
      return self.pass(.containerExited(id.container, code: code), to: id.pod, at: now)
    case .preStopEnded(let id, let failure):
      guard self.current[id.pod]?[id.container] == id else { return [] }
      return self.pass(.preStopEnded(id.container, failure: failure), to: id.pod, at: now)
    case .woke:
      return self.running.keys.sorted().flatMap { self.pass(.woke, to: $0, at: now) }
    }
  }

  private mutating func remove(_ name: PodName, at now: Instant) -> [Effect] {
    self.seenAt[name] = nil
    self.waiting[name] = nil
    return self.pass(.removed, to: name, at: now)
  }

  private mutating func add(_ manifest: PodManifest, at now: Instant) -> [Effect] {
    self.seenAt[manifest.name] = now
    guard self.running[manifest.name] == nil else {
      self.waiting[manifest.name] = manifest
      return []
    }
    return self.begin(manifest, at: now)
  }

  /// The pod goes on, or goes on waiting, as it is described now.
  private mutating func update(_ manifest: PodManifest, at now: Instant) -> [Effect] {
    guard self.waiting[manifest.name] == nil else {
      self.waiting[manifest.name] = manifest
      return []
    }
    return self.pass(.updated(manifest), to: manifest.name, at: now)
  }

  private mutating func begin(_ manifest: PodManifest, at now: Instant) -> [Effect] {
    self.running[manifest.name] = PodLifecycle(manifest, at: now, backOff: self.backOff)
    return self.pass(.woke, to: manifest.name, at: now)
  }

  private mutating func pass(
    _ event: PodLifecycle.Event, to name: PodName, at now: Instant
  ) -> [Effect] {
    guard let steps = self.running[name]?.handle(event, at: now), let pod = self.running[name]
    else { return [] }
    var effects: [Effect] = []
    for step in steps {
      switch step {
      case .startContainer(let container, let attempt):
        self.starts += 1
        let id = ContainerID(
          pod: name, container: container, attempt: attempt, serial: self.starts)
        self.current[name, default: [:]][container] = id
        effects.append(.startContainer(id, pod.manifest))
      case .runPreStop(let container, let action):
        if let id = self.current[name]?[container] {
          effects.append(.runPreStop(action, id, pod.manifest))
        }
      case .signal(let signal, let container):
        if let id = self.current[name]?[container] { effects.append(.signal(signal, id)) }
      case .wake(let instant): effects.append(.wake(at: instant))
      case .report(let event): effects.append(.report(event, name))
      case .ended:
        self.running[name] = nil
        self.current[name] = nil
        effects.append(.podEnded(name, uid: pod.manifest.uid))
        if let successor = self.waiting.removeValue(forKey: name) {
          effects += self.begin(successor, at: now)
        }
      }
    }
    return effects
  }
}

/// One start of one container of one pod.
public struct ContainerID: Hashable, Sendable, CustomStringConvertible {
  public let pod: PodName
  public let container: String
  /// 0 for the first start within its pod.
  public let attempt: Int
  /// Unique per start in a run of the kubelet.
  public let serial: UInt64

  public var description: String { "\(self.pod)/\(self.container)#\(self.attempt)" }
}
