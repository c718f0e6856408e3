import HeapModule

/// The deadlines of nodes, earliest first.
///
/// Each node with a deadline has an entry at or before it. A later deadline adds none: when the entry is due,
/// the node's own deadline takes its place. So a lease that is renewed a thousand times has one entry, and a
/// failed batch of changes leaves nothing to undo here.
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
    var entries: [Entry] = []
    tree.forEach { path, node in
      if let deadline = node.deadline { entries.append(Entry(deadline: deadline, path: path)) }
    }
    self.entries = Heap(entries)
  }

  /// Takes in a change that is in the tree.
  mutating func add(_ event: Event) {
    guard let deadline = event.node.deadline else { return }
    if let earlier = event.prevNode?.deadline, earlier <= deadline { return }
    self.entries.insert(Entry(deadline: deadline, path: event.node.path))
  }

  /// Drops the entries of nodes that are gone, once they are the larger part.
  private mutating func compact(for tree: KeyTree) {
    guard self.entries.count > 2 * Int(tree.tally.expiring) + 1024 else { return }
    var seen: Set<StorePath> = []
    self.entries = Heap(
      self.entries.unordered.compactMap { entry in
        guard let deadline = tree.deadline(at: entry.path), seen.insert(entry.path).inserted
        else { return nil }
        return Entry(deadline: deadline, path: entry.path)
      })
  }

  /// The next deadline that is in the tree.
  mutating func nextDeadline(in tree: KeyTree) -> StoreTime? {
    self.compact(for: tree)
    while let next = self.entries.min {
      let deadline = tree.deadline(at: next.path)
      if deadline == next.deadline { return deadline }
      // Outdated: the node is gone, or has a later deadline.
      self.entries.removeMin()
      if let deadline { self.entries.insert(Entry(deadline: deadline, path: next.path)) }
    }
    return nil
  }

  /// Takes out the due entries, earliest first. When the expiry fails they have to be put back with
  /// ``putBack(_:)``.
  mutating func takeDue(at now: StoreTime, in tree: KeyTree) -> [Entry] {
    var due: [Entry] = []
    while let deadline = self.nextDeadline(in: tree), deadline <= now,
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

extension KeyTree {
  /// `nil` for a node without a deadline, and for none.
  fileprivate func deadline(at path: StorePath) -> StoreTime? {
    if case .node(let node) = self.find(path) { node.deadline } else { nil }
  }
}
