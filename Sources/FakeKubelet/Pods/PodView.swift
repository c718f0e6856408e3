/// A pod as a user of the library sees it.
public struct PodView: Equatable, Sendable {
  /// With the node's name at its end.
  public let name: PodName
  public let uid: String
  public let phase: PodLifecycle.Phase
  public let isReady: Bool
  /// Of all its containers together.
  public let restarts: Int
  /// The names of the containers that run at this instant.
  public let running: [String]
  /// Whether its manifest is gone, or another pod's, and it is being ended.
  public let isEnding: Bool

  fileprivate init(_ pod: PodLifecycle, _ name: PodName) {
    self.name = name
    self.uid = pod.manifest.uid
    self.phase = pod.phase
    self.isReady = pod.isReady
    self.restarts = pod.containers.reduce(0) { $0 + $1.restartCount }
    self.running = pod.containers.filter(\.isRunning).map(\.name)
    self.isEnding = pod.isTerminating
  }

  /// One that waits for the end of the former pod of its name.
  fileprivate init(waiting manifest: PodManifest) {
    self.name = manifest.name
    self.uid = manifest.uid
    (self.phase, self.isReady, self.restarts) = (.pending, false, 0)
    (self.running, self.isEnding) = ([], false)
  }
}

extension PodWorkers {
  /// By name; one that ends comes before the one that waits for its end.
  var views: [PodView] {
    Set(self.running.keys).union(self.waiting.keys).sorted().flatMap { name in
      [
        self.running[name].map { PodView($0, name) },
        self.waiting[name].map { PodView(waiting: $0) },
      ].compactMap(\.self)
    }
  }
}

/// What happened to a pod.
public enum PodChange: Equatable, Sendable {
  case appeared(PodView)
  case changed(PodView)
  /// It is gone from the directory and from the runtime; as it was last.
  case gone(PodView)

  /// The pod that it is about.
  public var pod: PodView {
    switch self {
    case .appeared(let pod), .changed(let pod), .gone(let pod): pod
    }
  }

  /// What leads from one state of a node to the next, in the order of the names; what is gone comes first.
  static func between(_ old: [PodView], _ new: [PodView]) -> [PodChange] {
    struct Key: Hashable {
      var name: PodName
      var uid: String
    }
    func byKey(_ views: [PodView]) -> [Key: PodView] {
      Dictionary(views.map { (Key(name: $0.name, uid: $0.uid), $0) }) { $1 }
    }
    let (before, after) = (byKey(old), byKey(new))
    return old.filter { after[Key(name: $0.name, uid: $0.uid)] == nil }.map { .gone($0) }
      + new.compactMap { view in
        guard let former = before[Key(name: view.name, uid: view.uid)] else {
          return .appeared(view)
        }
        return former == view ? nil : .changed(view)
      }
  }
}

/// The changes of a node's pods, one by one.
public struct PodChanges: AsyncSequence, Sendable {
  let views: AsyncStream<[PodView]>

  public func makeAsyncIterator() -> Iterator {
    Iterator(views: self.views.makeAsyncIterator())
  }

  public struct Iterator: AsyncIteratorProtocol {
    fileprivate var views: AsyncStream<[PodView]>.Iterator
    private var last: [PodView] = []
    private var rest: [PodChange] = []

    fileprivate init(views: AsyncStream<[PodView]>.Iterator) {
      self.views = views
    }

    public mutating func next(isolation actor: isolated (any Actor)?) async -> PodChange? {
      while self.rest.isEmpty {
        guard let next = await self.views.next(isolation: actor) else { return nil }
        self.rest = PodChange.between(self.last, next)
        self.last = next
      }
      return self.rest.removeFirst()
    }
  }
}
