import DequeModule
import KVStore

/// The store's disk, which survives a power cut: the table of nodes and the last events.
///
/// Source: `Schema`, the same in SQLite.
struct SimulatedDisk: Sendable {
  private var nodes: [StorePath: TreeNode] = [:]
  /// ``nodes`` has every change up to this index.
  private var foldedIndex: UInt64 = 0
  private(set) var events: Deque<Event> = []
  var clock = StoreClock.Record()

  mutating func append(_ changes: [Change]) { self.events.append(contentsOf: changes.map(\.event)) }

  /// Brings the nodes up to date, and deletes events that the history no longer keeps.
  mutating func fold(_ backlog: Backlog, upTo index: UInt64, at time: StoreTime) {
    for (path, node) in backlog.nodes { self.nodes[path] = node }
    self.foldedIndex = index
    while let first = self.events.first, first.index + UInt64(EventHistory.capacity) <= index {
      self.events.removeFirst()
    }
    self.clock.lastKnown = time.nanoseconds
  }

  /// The tree that a start finds.
  /// - Returns: `nil` when nodes and events contradict each other.
  func tree() -> KeyTree? {
    var tree = KeyTree(index: self.foldedIndex)
    // In the order of the keys a directory comes before its children.
    for (path, node) in self.nodes.sorted(by: {
      $0.key.bytes.lexicographicallyPrecedes($1.key.bytes)
    }) {
      guard tree.restore(node.withoutChildren, at: path) else { return nil }
    }
    for event in self.events where event.index > self.foldedIndex {
      guard tree.redo(event) != nil else { return nil }
    }
    return tree
  }

  /// A start has brought the nodes up to date.
  mutating func recovered(_ tree: KeyTree, at time: StoreTime) {
    self.nodes = [:]
    tree.forEach { self.nodes[$0] = $1 }
    self.foldedIndex = tree.index
    self.clock.lastKnown = time.nanoseconds
  }

  /// Whether the table of nodes equals a tree.
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
