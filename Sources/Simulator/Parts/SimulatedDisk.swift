import DequeModule
import KVStore

/// What a power cut leaves of a store: a table of nodes, and the last events.
///
/// Source: `Schema`, which has the same in SQLite.
struct SimulatedDisk: Sendable {
  private var nodes: [StorePath: TreeNode] = [:]
  /// Up to which index ``nodes`` has everything.
  private var foldedIndex: UInt64 = 0
  private(set) var events: Deque<Event> = []
  var clock = StoreClock.Record()

  mutating func append(_ changes: [Change]) { self.events.append(contentsOf: changes.map(\.event)) }

  /// Brings the nodes up to date, and drops the events that the history has forgotten.
  mutating func fold(_ backlog: Backlog, upTo index: UInt64, at time: StoreTime) {
    for (path, node) in backlog.nodes { self.nodes[path] = node }
    self.foldedIndex = index
    while let first = self.events.first, first.index + UInt64(EventHistory.capacity) <= index {
      self.events.removeFirst()
    }
    self.clock.lastKnown = time.nanoseconds
  }

  /// What a start finds.
  /// - Returns: `nil` when it does not fit together.
  func tree() -> KeyTree? {
    var tree = KeyTree(index: self.foldedIndex)
    // The order of the keys puts a directory before what is in it.
    for (path, node) in self.nodes.sorted(by: Self.precedes) {
      guard tree.restore(node.withoutChildren, at: path) else { return nil }
    }
    for event in self.events where event.index > self.foldedIndex {
      guard tree.redo(event) != nil else { return nil }
    }
    return tree
  }

  private static func precedes(
    _ left: (key: StorePath, value: TreeNode), _ right: (key: StorePath, value: TreeNode)
  ) -> Bool {
    left.key.bytes.lexicographicallyPrecedes(right.key.bytes)
  }

  /// A start has brought the nodes up to date.
  mutating func recovered(_ tree: KeyTree, at time: StoreTime) {
    self.nodes = [:]
    tree.forEach { self.nodes[$0] = $1 }
    self.foldedIndex = tree.index
    self.clock.lastKnown = time.nanoseconds
  }

  /// Whether the nodes are those of a tree.
  func agrees(with tree: KeyTree) -> Bool {
    var count = 0
    var isSame = tree.index == self.foldedIndex
    tree.forEach { path, node in
      count += 1
      if self.nodes[path]?.withoutChildren != node.withoutChildren { isSame = false }
    }
    return isSame && count == self.nodes.count
  }
}
