/// A change of a pod.
public enum PodChange: Equatable, Sendable {
  case appeared(PodView)
  case changed(PodView)
  /// The pod's manifest and containers are gone; the last state.
  case gone(PodView)

  /// The pod's state.
  public var pod: PodView {
    switch self {
    case .appeared(let pod), .changed(let pod), .gone(let pod): pod
    }
  }

  /// The changes between two states of a node, in the order of the names; pods that are gone come first.
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

/// The changes of a node's pods.
public struct PodChanges: AsyncSequence, Sendable {
  let views: AsyncStream<[PodView]>

  public func makeAsyncIterator() -> Iterator {
    Iterator(views: self.views.makeAsyncIterator())
  }

  /// The iterator.
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
