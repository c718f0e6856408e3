import HashTreeCollections

/// A key with its value, or a directory with its children.
package struct TreeNode: Equatable, Sendable {
  enum Content: Equatable, Sendable {
    case value([UInt8])
    case directory(Children)
  }

  /// The children of a directory, and how many nodes are below it.
  struct Children: Equatable, Sendable {
    var byName: TreeDictionary<KeyName, TreeNode> = [:]
    var below = Tally()
  }

  /// A number of nodes.
  struct Tally: Equatable, Sendable {
    var nodes: Int32 = 0
    /// Those with a TTL.
    var expiring: Int32 = 0

    static func += (a: inout Tally, b: Tally) {
      a.nodes += b.nodes
      a.expiring += b.expiring
    }

    static func - (a: Tally, b: Tally) -> Tally {
      Tally(nodes: a.nodes - b.nodes, expiring: a.expiring - b.expiring)
    }
  }

  var content: Content
  var createdIndex: UInt64
  var modifiedIndex: UInt64
  /// `nil` without a TTL.
  var deadline: StoreTime?

  static let emptyDirectory = Content.directory(Children())

  var isDirectory: Bool {
    if case .directory = self.content { true } else { false }
  }

  /// Empty for a directory.
  var value: [UInt8] {
    if case .value(let value) = self.content { value } else { [] }
  }

  var isEmptyDirectory: Bool {
    if case .directory(let children) = self.content { children.byName.isEmpty } else { false }
  }

  /// This node and everything below.
  var tally: Tally {
    var tally = self.below
    tally += Tally(nodes: 1, expiring: self.deadline == nil ? 0 : 1)
    return tally
  }

  /// Everything below this node.
  var below: Tally {
    if case .directory(let children) = self.content { children.below } else { Tally() }
  }

  /// As it stands in the table of nodes.
  package var withoutChildren: TreeNode {
    var node = self
    if self.isDirectory { node.content = Self.emptyDirectory }
    return node
  }

  /// Visits every node below this one, parents first.
  package func forEach(below path: StorePath, _ body: (StorePath, TreeNode) throws -> Void) rethrows
  {
    guard case .directory(let children) = self.content else { return }
    for (name, child) in children.byName {
      let childPath = path.appending(name)
      try body(childPath, child)
      try child.forEach(below: childPath, body)
    }
  }

  /// Whether there is a node below this one.
  /// - Parameters:
  ///   - path: its path.
  ///   - own: the path of this node.
  func contains(_ path: StorePath, below own: StorePath) -> Bool {
    var node = self
    for name in path.names.dropFirst(own.depth) {
      guard case .directory(let children) = node.content, let child = children.byName[name]
      else { return false }
      node = child
    }
    return true
  }

  /// The node without its children.
  func view(at path: StorePath, now: StoreTime) -> NodeView {
    NodeView(
      path: path, value: self.isDirectory ? nil : self.value, isDirectory: self.isDirectory,
      deadline: self.deadline, ttl: self.deadline?.remainingSeconds(at: now) ?? 0,
      modifiedIndex: self.modifiedIndex, createdIndex: self.createdIndex)
  }

  /// The result of a GET: a value, or a directory with its visible children.
  func read(at path: StorePath, now: StoreTime, isRecursive: Bool, isSorted: Bool) -> Event {
    var view = self.view(at: path, now: now)
    view.children = self.childViews(
      at: path, now: now, isRecursive: isRecursive, isSorted: isSorted)
    return Event(.get, node: view)
  }

  /// The most nodes that a GET shows.
  func readCount(isRecursive: Bool) -> Int {
    guard case .directory(let children) = self.content else { return 1 }
    return isRecursive ? Int(children.below.nodes) : children.byName.count
  }

  private func childViews(
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
    let visible = children.byName.lazy.filter { !$0.key.isHidden }
    guard isSorted else { return visible.map { view($0.key, $0.value) } }
    return visible.sorted { $0.key < $1.key }.map { view($0.key, $0.value) }
  }
}
