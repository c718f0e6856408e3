/// The watchers of the v3 keyspace, as a value: it finds those that changed keys concern.
///
/// A watcher of one key is found by its key. Ranges are in an interval tree: a treap by the start of the range, where
/// each node knows the last end below it. So an event costs those that it concerns, and a way down the tree.
package struct RevisionWatchers: Sendable {
  package typealias ID = UInt64

  private var byKey: [RevisionKey: [ID]] = [:]
  private var ranges: [ID: KeyRange] = [:]
  private var nextID: ID = 1
  private var nodes: [Node] = []
  private var root: Int?
  /// Nodes that are not used.
  private var free: [Int] = []
  private var priorities = SplitMix()

  /// One range with its watchers.
  private struct Node: Sendable {
    let range: KeyRange
    var watchers: [ID]
    let priority: UInt64
    var left: Int?
    var right: Int?
    /// The last end in here and below.
    var last: Bound
  }

  package init() {}

  package var count: Int { self.ranges.count }

  package mutating func add(_ range: KeyRange) -> ID {
    let id = self.nextID
    self.nextID += 1
    self.ranges[id] = range
    if range.end == nil {
      self.byKey[range.start, default: []].append(id)
    } else if let index = self.index(of: range) {
      self.nodes[index].watchers.append(id)
    } else {
      let new = self.node(
        Node(
          range: range, watchers: [id], priority: self.priorities.next(), last: range.bound))
      let (left, right) = self.split(self.root, at: range)
      self.root = self.merge(self.merge(left, new), right)
    }
    return id
  }

  /// An unknown watcher is no error.
  package mutating func remove(_ id: ID) {
    guard let range = self.ranges.removeValue(forKey: id) else { return }
    if range.end == nil {
      self.byKey[range.start]?.removeAll { $0 == id }
      if self.byKey[range.start]?.isEmpty == true { self.byKey[range.start] = nil }
    } else if let index = self.index(of: range) {
      self.nodes[index].watchers.removeAll { $0 == id }
      if self.nodes[index].watchers.isEmpty {
        self.root = self.removing(index, from: self.root)
        self.free.append(index)
      }
    }
  }

  /// The watchers of one key or range, and which of the keys concern them.
  package struct Concerned: Sendable {
    package let watchers: [ID]
    package fileprivate(set) var places: [Int]
  }

  /// Those that at least one of the keys concerns: each watcher is in one of them.
  package func concerned(by keys: some Sequence<RevisionKey>) -> [Concerned] {
    guard !self.ranges.isEmpty else { return [] }
    var found: [Concerned] = []
    var byKey: [RevisionKey: Int] = [:]
    var byNode: [Int: Int] = [:]
    func add<Group: Hashable>(
      _ place: Int, _ group: Group, _ indexes: inout [Group: Int], _ watchers: [ID]
    ) {
      if let index = indexes[group] {
        found[index].places.append(place)
      } else {
        indexes[group] = found.count
        found.append(Concerned(watchers: watchers, places: [place]))
      }
    }
    for (place, key) in keys.enumerated() {
      if let watchers = self.byKey[key] { add(place, key, &byKey, watchers) }
      self.visit(key, below: self.root) { add(place, $0, &byNode, self.nodes[$0].watchers) }
    }
    return found
  }

  // MARK: The interval tree

  /// The nodes whose range has the key.
  private func visit(_ key: RevisionKey, below index: Int?, _ body: (Int) -> Void) {
    guard let index, self.nodes[index].last.isBehind(key) else { return }
    let (left, right) = (self.nodes[index].left, self.nodes[index].right)
    self.visit(key, below: left, body)
    // To the right, ranges begin later still.
    guard self.nodes[index].range.start <= key else { return }
    if self.nodes[index].range.contains(key) { body(index) }
    self.visit(key, below: right, body)
  }

  private func index(of range: KeyRange) -> Int? {
    var next = self.root
    while let index = next, self.nodes[index].range != range {
      next =
        range.isBefore(self.nodes[index].range)
        ? self.nodes[index].left : self.nodes[index].right
    }
    return next
  }

  private mutating func node(_ node: Node) -> Int {
    guard let index = self.free.popLast() else {
      self.nodes.append(node)
      return self.nodes.count - 1
    }
    self.nodes[index] = node
    return index
  }

  private mutating func update(_ index: Int) {
    let node = self.nodes[index]
    var last = node.range.bound
    for child in [node.left, node.right].compactMap(\.self) {
      last = max(last, self.nodes[child].last)
    }
    self.nodes[index].last = last
  }

  /// The ranges before this one, and the others.
  private mutating func split(_ index: Int?, at range: KeyRange) -> (Int?, Int?) {
    guard let index else { return (nil, nil) }
    defer { self.update(index) }
    if self.nodes[index].range.isBefore(range) {
      let (left, right) = self.split(self.nodes[index].right, at: range)
      self.nodes[index].right = left
      return (index, right)
    } else {
      let (left, right) = self.split(self.nodes[index].left, at: range)
      self.nodes[index].left = right
      return (left, index)
    }
  }

  /// - Parameter left: only ranges before those on the right.
  private mutating func merge(_ left: Int?, _ right: Int?) -> Int? {
    guard let left else { return right }
    guard let right else { return left }
    if self.nodes[left].priority > self.nodes[right].priority {
      self.nodes[left].right = self.merge(self.nodes[left].right, right)
      self.update(left)
      return left
    } else {
      self.nodes[right].left = self.merge(left, self.nodes[right].left)
      self.update(right)
      return right
    }
  }

  private mutating func removing(_ gone: Int, from index: Int?) -> Int? {
    guard let index else { return nil }
    if index == gone { return self.merge(self.nodes[index].left, self.nodes[index].right) }
    if self.nodes[gone].range.isBefore(self.nodes[index].range) {
      self.nodes[index].left = self.removing(gone, from: self.nodes[index].left)
    } else {
      self.nodes[index].right = self.removing(gone, from: self.nodes[index].right)
    }
    self.update(index)
    return index
  }

  /// Numbers that look random, the same for the same watchers. Source: SplitMix64 (Vigna).
  private struct SplitMix: Sendable {
    private var state: UInt64 = 0

    mutating func next() -> UInt64 {
      self.state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = self.state
      mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
      return mixed ^ mixed >> 31
    }
  }
}

/// The end of a range.
private enum Bound: Comparable, Sendable {
  case before(RevisionKey)
  case none

  /// Whether the key is less than the end.
  func isBehind(_ key: RevisionKey) -> Bool {
    switch self {
    case .before(let end): key < end
    case .none: true
    }
  }
}

extension KeyRange {
  fileprivate var bound: Bound {
    if case .before(let end) = self.end { .before(end) } else { .none }
  }

  /// By the start, then by the end.
  fileprivate func isBefore(_ other: KeyRange) -> Bool {
    self.start == other.start ? self.bound < other.bound : self.start < other.start
  }
}
