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
  private var root: TreeNode

  /// An empty keyspace.
  /// - Parameter index: of the last change before.
  package init(index: UInt64 = 0) {
    self.index = index
    self.root = TreeNode(content: TreeNode.emptyDirectory, createdIndex: 0, modifiedIndex: 0)
  }

  // MARK: Reading

  /// All nodes but the root.
  var tally: TreeNode.Tally { self.root.below }

  /// What is at a path, or how far the path leads.
  enum Finding {
    case node(TreeNode)
    /// Nothing is there.
    /// - Parameter length: of the first missing path, in bytes.
    case missing(length: Int)
    /// A key stands in place of a directory.
    /// - Parameter length: of the key's path, in bytes.
    case blocked(length: Int)
  }

  func find(_ path: StorePath) -> Finding {
    guard !path.isRoot else { return .node(self.root) }
    let bytes = path.bytes
    var node = self.root
    var start = 1
    while true {
      let end = bytes[start...].firstIndex(of: StorePath.slash) ?? bytes.endIndex
      guard case .directory(let children) = node.content else {
        return .blocked(length: start - 1)
      }
      guard let child = children.byName[KeyName(bytes[start..<end])] else {
        return .missing(length: end)
      }
      guard end < bytes.endIndex else { return .node(child) }
      node = child
      start = end + 1
    }
  }

  /// - Throws: 100 with the first missing path, 104 with the key in place of a directory.
  func node(at path: StorePath) throws(StoreError) -> TreeNode {
    switch self.find(path) {
    case .node(let node): return node
    case .missing(let length):
      throw StoreError(.keyNotFound, cause: Array(path.bytes[..<length]), index: self.index)
    case .blocked(let length):
      throw StoreError(.notADirectory, cause: Array(path.bytes[..<length]), index: self.index)
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
    try self.node(at: path).read(
      at: path, now: now, isRecursive: isRecursive, isSorted: isSorted)
  }

  /// Visits every node but the root, parents first.
  package func forEach(_ body: (StorePath, TreeNode) throws -> Void) rethrows {
    try self.root.forEach(below: .root, body)
  }

  // MARK: Primitives of a change (the commands are in KeyTree+Apply.swift)

  /// Restores a stored node at the start, parents before their children.
  /// - Returns: `false` when its directory is missing.
  package mutating func restore(_ node: TreeNode, at path: StorePath) -> Bool {
    guard case .missing(path.bytes.count) = self.find(path) else { return false }
    self.put(node, at: path)
    return true
  }

  mutating func advanceIndex() {
    self.index += 1
  }

  /// - Precondition: the parent exists and is a directory.
  mutating func put(_ node: TreeNode, at path: StorePath) {
    _ = Self.replace(path.bytes, from: 1, in: &self.root, by: node)
  }

  /// Removes a node with everything below.
  /// - Precondition: it exists.
  mutating func remove(at path: StorePath) -> TreeNode? {
    Self.replace(path.bytes, from: 1, in: &self.root, by: nil)
  }

  /// In place of a missing directory; ``replace(_:in:by:)`` stops at it.
  private static let nowhere = TreeNode(content: .value([]), createdIndex: 0, modifiedIndex: 0)

  /// Changes the slot at the end of the path in place. Only nodes on the path that other copies of the
  /// tree share are copied.
  /// - Parameter start: where the first name below `node` begins.
  /// - Returns: the node that was there.
  private static func replace(
    _ path: [UInt8], from start: Int, in node: inout TreeNode, by new: TreeNode?
  ) -> TreeNode? {
    guard case .directory(var children) = node.content else {
      preconditionFailure("no directory on the way to \(StorePath(clean: path))")
    }
    let end = path[start...].firstIndex(of: StorePath.slash) ?? path.endIndex
    let name = KeyName(path[start..<end])
    // A second owner of the payload would turn the change in place into a copy.
    node.content = .value([])
    defer { node.content = .directory(children) }
    let old: TreeNode?
    if end < path.endIndex {
      old = children.byName.updateValue(forKey: name, default: Self.nowhere) { child in
        self.replace(path, from: end + 1, in: &child, by: new)
      }
    } else if let new {
      old = children.byName.updateValue(new, forKey: name)
    } else {
      old = children.byName.removeValue(forKey: name)
    }
    children.below += (new?.tally ?? .init()) - (old?.tally ?? .init())
    return old
  }
}
