import HashTreeCollections

/// A key with its value, or a directory with its children.
package struct TreeNode: Equatable, Sendable {
  enum Content: Equatable, Sendable {
    case value([UInt8])
    case directory(TreeDictionary<KeyName, TreeNode>)
  }

  var content: Content
  var createdIndex: UInt64
  var modifiedIndex: UInt64
  /// `nil` without a TTL.
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

  func childViews(
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
