import HashTreeCollections

/// The whole keyspace, as a value: copies share what they have in common, so that a snapshot costs
/// nothing and a change copies only the path to what it touches.
///
/// It knows no clock, no disk and no watcher. The one way to change it is ``apply(_:now:)``.
///
/// Invariants: ``index`` grows by one with each change and by nothing else; the root is a directory
/// with index 0; a refused command leaves the tree as it was.
package struct KeyTree: Sendable {
  /// The index of the last change; 0 when there was none.
  package private(set) var index: UInt64
  /// How many nodes have a deadline.
  private(set) var expiringCount = 0
  private var root: TreeNode

  /// An empty keyspace.
  /// - Parameter index: where the counting goes on.
  package init(index: UInt64 = 0) {
    self.index = index
    self.root = TreeNode(content: .directory([:]), createdIndex: 0, modifiedIndex: 0)
  }

  // MARK: Reading

  /// The node at a path.
  /// - Throws: 100 with the first missing name, 104 with the key that is in the way.
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

  /// What a GET shows: a value, or a directory with its visible children.
  /// - Parameters:
  ///   - isRecursive: whether the children's children are shown, too.
  ///   - isSorted: whether children come in the order of their names; else in any order.
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

  /// Puts a stored node back, at start. Parents have to come before their children.
  /// - Returns: `false` when there is no directory for it.
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

  /// Replaces or adds a node whose parent exists and is a directory.
  mutating func put(_ node: TreeNode, at path: StorePath) {
    let names = path.names
    let old = Self.replace(names[...], in: &self.root) { slot in
      defer { slot = node }
      return slot
    }
    if old?.deadline != nil { self.expiringCount -= 1 }
    if node.deadline != nil { self.expiringCount += 1 }
  }

  /// Takes a node out, with all that is below it.
  /// - Returns: the paths that went, children before their directory.
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

  /// Stands for a directory that is not there; ``replace(_:in:_:)`` stops at it.
  private static let nowhere = TreeNode(content: .value([]), createdIndex: 0, modifiedIndex: 0)

  /// Hands out the slot at the end of the way for a change in place; what is shared with other copies
  /// of the tree is copied on the way, and nothing else.
  private static func replace(
    _ names: ArraySlice<KeyName>, in node: inout TreeNode, _ body: (inout TreeNode?) -> TreeNode?
  ) -> TreeNode? {
    guard let name = names.first, case .directory(var children) = node.content else {
      preconditionFailure("no directory on the way to \(names)")
    }
    // The payload is taken out meanwhile: two owners would turn the change in place into a copy.
    node.content = .value([])
    defer { node.content = .directory(children) }
    if names.count == 1 { return body(&children[name]) }
    return children.updateValue(forKey: name, default: Self.nowhere) { child in
      self.replace(names.dropFirst(), in: &child, body)
    }
  }
}

/// A key with its value, or a directory with its children.
package struct TreeNode: Equatable, Sendable {
  enum Content: Equatable, Sendable {
    case value([UInt8])
    case directory(TreeDictionary<KeyName, TreeNode>)
  }

  var content: Content
  var createdIndex: UInt64
  var modifiedIndex: UInt64
  /// When it expires; `nil` for never.
  var deadline: StoreTime?

  var isDirectory: Bool {
    if case .directory = self.content { true } else { false }
  }

  /// Empty for a directory.
  var value: [UInt8] {
    if case .value(let value) = self.content { value } else { [] }
  }

  var isEmptyDirectory: Bool {
    if case .directory(let children) = self.content { children.isEmpty } else { false }
  }

  /// As it stands in the table of nodes.
  package var withoutChildren: TreeNode {
    var node = self
    if self.isDirectory { node.content = .directory([:]) }
    return node
  }

  /// The node without its children.
  func view(at path: StorePath, now: StoreTime) -> NodeView {
    NodeView(
      path: path, value: self.isDirectory ? nil : self.value, isDirectory: self.isDirectory,
      deadline: self.deadline, ttl: self.deadline?.remainingSeconds(at: now) ?? 0,
      modifiedIndex: self.modifiedIndex, createdIndex: self.createdIndex)
  }

  fileprivate func childViews(
    at path: StorePath, now: StoreTime, isRecursive: Bool, isSorted: Bool
  ) -> [NodeView] {
    guard case .directory(let children) = self.content else { return [] }
    func view(_ name: KeyName, _ child: TreeNode) -> NodeView {
      let childPath = path.appending(name)
      var view = child.view(at: childPath, now: now)
      if isRecursive {
        view.children = child.childViews(
          at: childPath, now: now, isRecursive: true, isSorted: isSorted)
      }
      return view
    }
    let visible = children.lazy.filter { !$0.key.isHidden }
    guard isSorted else { return visible.map { view($0.key, $0.value) } }
    return visible.sorted { $0.key < $1.key }.map { view($0.key, $0.value) }
  }
}
