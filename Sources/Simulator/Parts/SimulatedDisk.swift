import DequeModule
import KVStore

/// The store's disk, which survives a power cut: the table of nodes, and the last events, which stand for the
/// log and for the table of events; and the same of v3.
///
/// Source: `ChangeLog` and `Schema`, the same in files.
struct SimulatedDisk: Sendable {
  private var nodes: [StorePath: TreeNode] = [:]
  /// ``nodes`` has every change up to this index.
  private var foldedIndex: UInt64 = 0
  private(set) var events: Deque<Event> = []
  var revisions = RevisionDisk()
  var clock = StoreClock.Record()

  mutating func append(
    _ changes: [Change], _ revisionChanges: [RevisionChange], at time: StoreTime
  ) {
    self.events.append(contentsOf: changes.map(\.event))
    self.revisions.append(revisionChanges)
    self.clock.saw(time)
  }

  /// Brings the tables up to date, and deletes events that the history no longer keeps.
  /// - Parameter logCount: the log's of v3 when the backlog was taken.
  mutating func fold(_ backlog: Backlog, logCount: Int, at time: StoreTime) {
    self.revisions.fold(backlog, logCount: logCount)
    for directory in backlog.removedDirectories {
      for path in self.nodes.keys where path.isBelow(directory) { self.nodes[path] = nil }
    }
    for (path, node) in backlog.nodes { self.nodes[path] = node }
    let index = backlog.tree.index
    self.foldedIndex = index
    while let first = self.events.first, first.index + UInt64(EventHistory.capacity) <= index {
      self.events.removeFirst()
    }
    self.clock.saw(time)
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
      guard tree.redo(LoggedChange(event), now: StoreTime(nanoseconds: 0)) != nil else {
        return nil
      }
    }
    return tree
  }

  /// A start has brought the nodes up to date.
  mutating func recovered(_ tree: KeyTree, at time: StoreTime) {
    self.nodes = [:]
    tree.forEach { self.nodes[$0] = $1 }
    self.foldedIndex = tree.index
    self.clock.saw(time)
  }

  /// Whether the tables have what the store has.
  func agrees(with backlog: Backlog) -> Bool {
    self.agrees(with: backlog.tree) && self.revisions.agrees(with: backlog.revisions)
  }

  private func agrees(with tree: KeyTree) -> Bool {
    var count = 0
    var isSame = tree.index == self.foldedIndex
    tree.forEach { path, node in
      count += 1
      if self.nodes[path]?.withoutChildren != node.withoutChildren { isSame = false }
    }
    return isSame && count == self.nodes.count
  }
}
