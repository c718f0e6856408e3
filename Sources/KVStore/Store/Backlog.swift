/// What the tables lack: the paths whose nodes have changed, and the tree that has them as they are now; and of v3
/// the changes, whose rows are written once.
///
/// A change is durable with its batch in the log. The rows of the nodes are scattered, so they are written later
/// and together; a key that changed a thousand times is written once.
package struct Backlog: Sendable {
  /// As of the last change.
  package private(set) var tree: KeyTree
  /// In the order of the changes, some of them many times.
  package private(set) var paths: [StorePath] = []
  /// Directories that were removed with what was in them, before or after the changes of ``paths``.
  package private(set) var removedDirectories: [StorePath] = []
  /// As of the last change of v3.
  package private(set) var revisions: RevisionTree
  /// Puts and deletions of v3, in their order.
  package private(set) var revisionChanges: [RevisionChange] = []
  /// Granted, kept alive or ended.
  package private(set) var leases: Set<Int64> = []
  /// Rows of changes that a compaction has given up.
  package private(set) var removals: [Revision] = []
  /// Whether nothing follows, and the deadlines of leases are exact.
  var isLast = false
  package private(set) var changeCount = 0
  /// What the changes take in the log, roughly.
  package private(set) var byteCount = 0

  /// A start after a crash has to redo so much, and what comes in while the tables are written.
  package static let byteLimit = 64 << 20
  /// So many rows of a compaction are removed in one update of the tables.
  private static let removalLimit = 50_000

  /// - Parameters:
  ///   - tree: as in the tables.
  ///   - revisions: as in the tables.
  ///   - obsolete: rows that a compaction has given up.
  package init(tree: KeyTree, revisions: RevisionTree, obsolete: [Revision] = []) {
    self.tree = tree
    self.revisions = revisions
    self.removals = obsolete
  }

  /// For tables that have none of it, beside an empty keyspace of v3.
  init(allOf tree: KeyTree) {
    self.init(tree: tree, revisions: RevisionTree())
    tree.forEach { path, _ in self.paths.append(path) }
  }

  /// Whether the tables lack nothing but times of leases.
  var isEmpty: Bool { self.changeCount == 0 && self.removals.isEmpty }

  /// - Parameter tree: after the changes.
  package mutating func add(_ changes: [Change], tree: KeyTree) {
    self.tree = tree
    self.changeCount += changes.count
    for change in changes {
      let node = change.event.node
      self.paths += change.madeDirectories
      self.paths.append(node.path)
      self.byteCount += 32 + node.path.bytes.count + (node.value?.count ?? 0)
      if let removed = change.removed, !removed.isEmptyDirectory, removed.isDirectory {
        self.removedDirectories.append(node.path)
      }
    }
  }

  /// - Parameter revisions: after the changes.
  package mutating func add(_ changes: [RevisionChange], revisions: RevisionTree) {
    self.revisions = revisions
    for change in changes {
      if change.isLogged { self.changeCount += 1 }
      switch change {
      case .put(let pair, _):
        self.revisionChanges.append(change)
        self.byteCount += 64 + pair.key.bytes.count + pair.value.count
      case .deletion(let key, _):
        self.revisionChanges.append(change)
        self.byteCount += 64 + key.bytes.count
      case .grant(let id, _, _), .end(let id):
        self.leases.insert(id)
        self.byteCount += 32
      case .renewal(let id): self.leases.insert(id)
      case .compaction: break
      case .removal(let revision): self.removals.append(revision)
      }
    }
  }

  /// Adds what came after.
  mutating func add(_ later: Backlog) {
    self.tree = later.tree
    self.paths += later.paths
    self.removedDirectories += later.removedDirectories
    self.revisions = later.revisions
    self.revisionChanges += later.revisionChanges
    self.leases.formUnion(later.leases)
    self.removals += later.removals
    self.changeCount += later.changeCount
    self.byteCount += later.byteCount
  }

  /// What one update of the tables takes, and the rest: a compaction may have given up very many rows.
  func split() -> (Backlog, rest: Backlog) {
    var first = self
    let rest = Backlog(
      tree: self.tree, revisions: self.revisions,
      obsolete: Array(self.removals.dropFirst(Self.removalLimit)))
    first.removals.removeLast(rest.removals.count)
    return (first, rest)
  }

  /// Each path once, in the order of the keys, with its node as of the last change; `nil` where none is.
  package var nodes: some Sequence<(path: StorePath, node: TreeNode?)> {
    Set(self.paths).sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }.lazy.map { path in
      if case .node(let node) = self.tree.find(path) { (path, node) } else { (path, nil) }
    }
  }
}
