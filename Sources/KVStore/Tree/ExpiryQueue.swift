import HeapModule

/// Which node's time is over next.
///
/// Entries are never taken out when a node changes; one that does not agree with the tree any more is
/// passed over when its turn comes. So a batch of changes that could not be committed leaves nothing
/// to be undone here.
struct ExpiryQueue: Sendable {
  struct Entry: Comparable, Sendable {
    let deadline: StoreTime
    let path: StorePath

    static func < (a: Entry, b: Entry) -> Bool { a.deadline < b.deadline }
  }

  private var entries = Heap<Entry>()

  /// All the deadlines of a tree.
  init(_ tree: KeyTree) {
    tree.forEach { path, node in self.add(node, at: path) }
  }

  mutating func add(_ node: TreeNode, at path: StorePath) {
    guard let deadline = node.deadline else { return }
    self.entries.insert(Entry(deadline: deadline, path: path))
  }

  /// The next deadline that the tree still knows, if any; drops those that it does not.
  mutating func nextDeadline(in tree: KeyTree) -> StoreTime? {
    if self.entries.count > 2 * tree.expiringCount + 1024 { self = ExpiryQueue(tree) }
    while let next = self.entries.min {
      if (try? tree.node(at: next.path))?.deadline == next.deadline { return next.deadline }
      self.entries.removeMin()
    }
    return nil
  }

  /// Takes out what is due, earliest first, at most `limit` of them.
  ///
  /// Who cannot carry the expiry out has to put the entries back with ``putBack(_:)``.
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
