import HeapModule

/// The deadlines of nodes, earliest first.
///
/// A changed node leaves its entry behind; an entry that no longer agrees with the tree is skipped in its
/// turn. So a failed batch of changes leaves nothing to undo here.
struct ExpiryQueue: Sendable {
  struct Entry: Comparable, Sendable {
    let deadline: StoreTime
    let path: StorePath

    static func < (a: Entry, b: Entry) -> Bool { a.deadline < b.deadline }
  }

  private var entries = Heap<Entry>()

  /// Outdated entries included.
  var count: Int { self.entries.count }

  init(_ tree: KeyTree) {
    tree.forEach { path, node in self.add(node, at: path) }
  }

  mutating func add(_ node: TreeNode, at path: StorePath) {
    guard let deadline = node.deadline else { return }
    self.entries.insert(Entry(deadline: deadline, path: path))
  }

  /// The next deadline that is in the tree; drops outdated ones.
  mutating func nextDeadline(in tree: KeyTree) -> StoreTime? {
    if self.entries.count > 2 * tree.expiringCount + 1024 { self = ExpiryQueue(tree) }
    while let next = self.entries.min {
      if (try? tree.node(at: next.path))?.deadline == next.deadline { return next.deadline }
      self.entries.removeMin()
    }
    return nil
  }

  /// Takes out at most `limit` due entries, earliest first. When the expiry fails they have to be put back
  /// with ``putBack(_:)``.
  mutating func takeDue(at now: StoreTime, in tree: KeyTree, limit: Int) -> [Entry] {
    var due: [Entry] = []
    while due.count < limit, let deadline = self.nextDeadline(in: tree), deadline <= now,
      let entry = self.entries.popMin()
    {
      due.append(entry)
    }
    return due
  }

  mutating func putBack(_ entries: [Entry]) {
    for entry in entries { self.entries.insert(entry) }
  }
}
