extension KeyTree {
  /// - Parameter now: for the remaining TTLs in the event.
  /// - Returns: `nil` only for an outdated expiry.
  /// - Throws: etcd's refusal; the tree is unchanged.
  /// - Source: etcd `server/etcdserver/api/v2store/store.go`.
  mutating func apply(_ command: Command, now: StoreTime) throws(StoreError) -> Change? {
    switch command {
    case .set(let path, let new): try self.set(path, new, now: now)
    case .create(let path, let new): try self.create(path, new, now: now)
    case .createInOrder(let directory, let new):
      try self.create(directory.appending(self.nextInOrderName), new, now: now)
    case .update(let path, let new): try self.update(path, new, now: now)
    case .compareAndSwap(let path, let condition, let new):
      try self.compareAndSwap(path, condition, new, now: now)
    case .delete(let path, let isDirectory, let isRecursive):
      try self.delete(path, isDirectory: isDirectory, isRecursive: isRecursive, now: now)
    case .compareAndDelete(let path, let condition):
      try self.compareAndDelete(path, condition, now: now)
    case .expire(let path, let deadline): self.expire(path, deadline: deadline, now: now)
    }
  }

  /// The index of the change in 20 digits.
  private var nextInOrderName: KeyName {
    let digits = String(self.index + 1)
    return KeyName((String(repeating: "0", count: max(0, 20 - digits.count)) + digits).utf8)
  }

  private mutating func set(
    _ path: StorePath, _ new: Command.NewNode, now: StoreTime
  ) throws(StoreError) -> Change {
    var new = new
    let found = self.find(path)
    if case .node(let previous) = found {
      if new.isRefresh { new.value = previous.value }
    } else if new.isRefresh {
      _ = try self.node(at: path)
    }
    return try self.write(path, new, action: .set, over: found, now: now)
  }

  private mutating func create(
    _ path: StorePath, _ new: Command.NewNode, now: StoreTime
  ) throws(StoreError) -> Change {
    try self.refuseRoot(path)
    let found = self.find(path)
    if case .node = found {
      throw StoreError(.alreadyExists, cause: path.bytes, index: self.index)
    }
    return try self.write(path, new, action: .create, over: found, now: now)
  }

  /// The common half of set and create.
  /// - Parameter found: what is at the path.
  mutating func write(
    _ path: StorePath, _ new: Command.NewNode, action: Event.Action, over found: Finding,
    now: StoreTime
  ) throws(StoreError) -> Change {
    try self.refuseRoot(path)
    var previous: TreeNode?
    var made: [StorePath] = []
    switch found {
    case .node(let node):
      if node.isDirectory { throw StoreError(.notAFile, cause: path.bytes, index: self.index) }
      previous = node
    case .blocked: _ = try self.node(at: path)
    case .missing(let length):
      if path.depth > StorePath.maxDepth {
        throw StoreError(
          .invalidField,
          cause: "a key has at most \(StorePath.maxDepth) components, this one has \(path.depth)",
          index: self.index)
      }
      made = path.directories(from: length)
    }
    self.advanceIndex()
    var node = TreeNode(
      content: TreeNode.emptyDirectory, createdIndex: self.index, modifiedIndex: self.index)
    for directory in made { self.put(node, at: directory) }
    if !new.isDirectory { node.content = .value(new.value) }
    // etcd takes a time before 2000 for a TTL that overflowed: the key never expires.
    node.deadline = new.deadline.flatMap { $0 < .year2000 ? nil : $0 }
    self.put(node, at: path)
    let event = Event(
      action, node: node.view(at: path, now: now),
      prevNode: previous?.view(at: path, now: now), isRefresh: new.isRefresh)
    return Change(event, madeDirectories: made)
  }

  private mutating func update(
    _ path: StorePath, _ new: Command.NewNode, now: StoreTime
  ) throws(StoreError) -> Change {
    try self.refuseRoot(path)
    let previous = try self.node(at: path)
    if previous.isDirectory, !new.value.isEmpty {
      throw StoreError(.notAFile, cause: path.bytes, index: self.index)
    }
    return self.overwrite(path, previous, new, action: .update, now: now)
  }

  private mutating func compareAndSwap(
    _ path: StorePath, _ condition: Command.Condition, _ new: Command.NewNode, now: StoreTime
  ) throws(StoreError) -> Change {
    try self.refuseRoot(path)
    let previous = try self.compare(path, condition)
    return self.overwrite(path, previous, new, action: .compareAndSwap, now: now)
  }

  /// The common half of update and compare-and-swap: the node keeps its `createdIndex`.
  mutating func overwrite(
    _ path: StorePath, _ previous: TreeNode, _ new: Command.NewNode, action: Event.Action,
    now: StoreTime
  ) -> Change {
    self.advanceIndex()
    var node = previous
    node.deadline = new.deadline
    // A directory keeps its index, and the event has the new one, as in etcd.
    if !previous.isDirectory {
      if !new.isRefresh { node.content = .value(new.value) }
      node.modifiedIndex = self.index
    }
    self.put(node, at: path)
    var view = node.view(at: path, now: now)
    view.modifiedIndex = self.index
    let event = Event(
      action, node: view, prevNode: previous.view(at: path, now: now), isRefresh: new.isRefresh)
    return Change(event)
  }

  private mutating func delete(
    _ path: StorePath, isDirectory: Bool, isRecursive: Bool, now: StoreTime
  ) throws(StoreError) -> Change {
    try self.refuseRoot(path)
    let node = try self.node(at: path)
    if node.isDirectory {
      guard isDirectory || isRecursive else {
        throw StoreError(.notAFile, cause: path.bytes, index: self.index)
      }
      guard isRecursive || node.isEmptyDirectory else {
        throw StoreError(.directoryNotEmpty, cause: path.bytes, index: self.index)
      }
    }
    return self.take(path, node, action: .delete, now: now)
  }

  private mutating func compareAndDelete(
    _ path: StorePath, _ condition: Command.Condition, now: StoreTime
  ) throws(StoreError) -> Change {
    let node = try self.compare(path, condition)
    return self.take(path, node, action: .compareAndDelete, now: now)
  }

  private mutating func expire(_ path: StorePath, deadline: StoreTime, now: StoreTime) -> Change? {
    guard case .node(let node) = self.find(path), node.deadline == deadline else { return nil }
    return self.take(path, node, action: .expire, now: now)
  }

  /// The common half of all removals.
  mutating func take(
    _ path: StorePath, _ node: TreeNode, action: Event.Action, now: StoreTime
  ) -> Change {
    self.advanceIndex()
    let view = NodeView(
      path: path, isDirectory: node.isDirectory, modifiedIndex: self.index,
      createdIndex: node.createdIndex)
    let event = Event(action, node: view, prevNode: node.view(at: path, now: now))
    return Change(event, removed: self.remove(at: path))
  }

  private func refuseRoot(_ path: StorePath) throws(StoreError) {
    if path.isRoot { throw StoreError(.rootIsReadOnly, cause: "/", index: self.index) }
  }

  /// The key at a path.
  /// - Throws: 101 when the condition does not hold.
  private func compare(
    _ path: StorePath, _ condition: Command.Condition
  ) throws(StoreError) -> TreeNode {
    let node = try self.node(at: path)
    if node.isDirectory {
      throw StoreError(.notAFile, cause: path.isRoot ? [] : path.bytes, index: self.index)
    }
    let valueDiffers = condition.value.map { $0 != node.value } ?? false
    let indexDiffers = condition.index.map { $0 != node.modifiedIndex } ?? false
    guard valueDiffers || indexDiffers else { return node }
    // With both wrong etcd names both.
    let value =
      Array("[".utf8) + (condition.value ?? []) + Array(" != ".utf8) + node.value
      + Array("]".utf8)
    let index = Array("[\(condition.index ?? 0) != \(node.modifiedIndex)]".utf8)
    let cause =
      valueDiffers && indexDiffers ? value + Array(" ".utf8) + index : valueDiffers ? value : index
    throw StoreError(.compareFailed, cause: cause, index: self.index)
  }
}

extension StoreTime {
  fileprivate static let year2000 = StoreTime(nanoseconds: 946_684_800_000_000_000)
}
