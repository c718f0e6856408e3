extension KeyTree {
  /// Applies an event to the tree before it.
  /// - Returns: `nil` when the event cannot follow on this tree.
  package mutating func redo(_ event: Event) -> Change? {
    let path = event.node.path
    guard event.index == self.index + 1, !path.isRoot else { return nil }
    var old: TreeNode?
    do {
      old = try self.node(at: path)
    } catch let error {
      guard error.code == .keyNotFound else { return nil }
    }
    switch (event.action, old) {
    case (.get, _), (.delete, nil), (.compareAndDelete, nil), (.expire, nil), (.update, nil),
      (.compareAndSwap, nil), (.create, _?):
      return nil
    case (.delete, _), (.compareAndDelete, _), (.expire, _):
      self.advanceIndex()
      return Change(event: event, written: [], removed: self.remove(at: path))
    case (.update, var node?), (.compareAndSwap, var node?):
      guard node.isDirectory == event.node.isDirectory else { return nil }
      self.advanceIndex()
      node.deadline = event.node.deadline
      if let value = event.node.value {
        node.content = .value(value)
        node.modifiedIndex = event.index
      }
      self.put(node, at: path)
      return Change(event: event, written: [.init(path: path, node: node)], removed: [])
    case (.set, _), (.create, nil):
      if let old, old.isDirectory { return nil }
      self.advanceIndex()
      let node = TreeNode(
        content: event.node.value.map { .value($0) } ?? .directory([:]), createdIndex: self.index,
        modifiedIndex: self.index, deadline: event.node.deadline)
      let written = self.place(node, at: path, isNew: old == nil)
      return Change(event: event, written: written, removed: [])
    }
  }
}
