/// What the tables lack: the paths whose nodes have changed, and the tree that has them as they are now.
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
  package private(set) var changeCount = 0
  /// What the changes take in the log, roughly.
  package private(set) var byteCount = 0

  /// A start after a crash has to redo so much, and what comes in while the tables are written.
  package static let byteLimit = 64 << 20

  /// - Parameter tree: as in the tables.
  package init(tree: KeyTree) {
    self.tree = tree
  }

  /// For tables that have none of it.
  init(allOf tree: KeyTree) {
    self.init(tree: tree)
    tree.forEach { path, _ in self.paths.append(path) }
  }

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

  /// Adds what came after.
  mutating func add(_ later: Backlog) {
    self.tree = later.tree
    self.paths += later.paths
    self.removedDirectories += later.removedDirectories
    self.changeCount += later.changeCount
    self.byteCount += later.byteCount
  }

  /// Each path once, in the order of the keys, with its node as of the last change; `nil` where none is.
  package var nodes: some Sequence<(path: StorePath, node: TreeNode?)> {
    Set(self.paths).sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }.lazy.map { path in
      if case .node(let node) = self.tree.find(path) { (path, node) } else { (path, nil) }
    }
  }
}
