import HashTreeCollections

/// The v2 keyspace, as a persistent value: a snapshot costs nothing, and a change copies only the path to
/// the changed node.
///
/// It has no clock, no disk and no watcher. Only ``apply(_:now:)`` changes it.
///
/// Invariants: each change, and nothing else, raises ``index`` by one; the root is a directory with index
/// 0; a refused command changes nothing.
package struct KeyTree: Sendable {
  /// The index of the last change; 0 before the first one.
  package private(set) var index: UInt64
  /// The number of nodes with a deadline.
  private(set) var expiringCount = 0
  private var root: TreeNode

  /// An empty keyspace.
  /// - Parameter index: of the last change before.
  package init(index: UInt64 = 0) {
    self.index = index
    self.root = TreeNode(content: .directory([:]), createdIndex: 0, modifiedIndex: 0)
  }

  // MARK: Reading

  /// - Throws: 100 with the first missing path, 104 with the key in place of a directory.
  func node(at path: StorePath) throws(StoreError) -> TreeNode {
    var node = self.root
    guard !path.isRoot else { return node }
    let bytes = path.bytes
    var start = 1
    while true {
      let end = bytes[start...].firstIndex(of: StorePath.slash) ?? bytes.endIndex
      guard case .directory(let children) = node.content else {
        throw StoreError(.notADirectory, cause: Array(bytes[..<(start - 1)]), index: self.index)
      }
      guard let child = children[KeyName(bytes[start..<end])] else {
        throw StoreError(.keyNotFound, cause: Array(bytes[..<end]), index: self.index)
      }
      guard end < bytes.endIndex else { return child }
      node = child
      start = end + 1
    }
  }

  /// The result of a GET: a value, or a directory with its visible children.
  /// - Parameters:
  ///   - isRecursive: includes the children's children.
  ///   - isSorted: orders children by name; else they come in any order.
  /// - Throws: 100 or 104, as ``node(at:)``.
  package func get(
    _ path: StorePath, isRecursive: Bool, isSorted: Bool, now: StoreTime
  ) throws(StoreError) -> Event {
    let node = try self.node(at: path)
    var view = node.view(at: path, now: now)
    view.children = node.childViews(
      at: path, now: now, isRecursive: isRecursive, isSorted: isSorted)
    return Event(.get, node: view)
  }

  /// Visits every node but the root, parents first.
  package func forEach(_ body: (StorePath, TreeNode) throws -> Void) rethrows {
    func visit(_ node: TreeNode, at path: StorePath) throws {
      guard case .directory(let children) = node.content else { return }
      for (name, child) in children {
        let childPath = path.appending(name)
        try body(childPath, child)
        try visit(child, at: childPath)
      }
    }
    try visit(self.root, at: .root)
  }

  // MARK: Primitives of a change (the commands are in KeyTree+Apply.swift)

  /// Restores a stored node at the start, parents before their children.
  /// - Returns: `false` when its directory is missing.
  package mutating func restore(_ node: TreeNode, at path: StorePath) -> Bool {
    let lineage = path.lineage
    guard lineage.count > 1, (try? self.node(at: lineage[lineage.count - 2]))?.isDirectory == true
    else { return false }
    self.put(node, at: path)
    return true
  }

  mutating func advanceIndex() {
    self.index += 1
  }

  /// - Precondition: the parent exists and is a directory.
  mutating func put(_ node: TreeNode, at path: StorePath) {
    let names = path.names
    let old = Self.replace(names[...], in: &self.root) { slot in
      defer { slot = node }
      return slot
    }
    if old?.deadline != nil { self.expiringCount -= 1 }
    if node.deadline != nil { self.expiringCount += 1 }
  }

  /// Removes a node with everything below.
  /// - Returns: the removed paths, children before their directory.
  mutating func remove(at path: StorePath) -> [StorePath] {
    let names = path.names
    let old = Self.replace(names[...], in: &self.root) { slot in
      defer { slot = nil }
      return slot
    }
    guard let old else { return [] }
    var removed: [StorePath] = []
    func visit(_ node: TreeNode, at path: StorePath) {
      if case .directory(let children) = node.content {
        for (name, child) in children.sorted(by: { $0.key < $1.key }) {
          visit(child, at: path.appending(name))
        }
      }
      if node.deadline != nil { self.expiringCount -= 1 }
      removed.append(path)
    }
    visit(old, at: path)
    return removed
  }

  /// In place of a missing directory; ``replace(_:in:_:)`` stops at it.
  private static let nowhere = TreeNode(content: .value([]), createdIndex: 0, modifiedIndex: 0)

  /// Changes the slot at the end of the path in place. Only nodes on the path that other copies of the
  /// tree share are copied.
  private static func replace(
    _ names: ArraySlice<KeyName>, in node: inout TreeNode, _ body: (inout TreeNode?) -> TreeNode?
  ) -> TreeNode? {
    guard let name = names.first, case .directory(var children) = node.content else {
      preconditionFailure("no directory on the way to \(names)")
    }
    // A second owner of the payload would turn the change in place into a copy.
    node.content = .value([])
    defer { node.content = .directory(children) }
    if names.count == 1 { return body(&children[name]) }
    return children.updateValue(forKey: name, default: Self.nowhere) { child in
      self.replace(names.dropFirst(), in: &child, body)
    }
  }
}
