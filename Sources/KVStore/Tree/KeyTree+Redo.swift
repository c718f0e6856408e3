/// What the log has of a change: enough to make it again on the tree before it. The values that were there
/// before are in that tree, and indices and TTLs follow from its index and the time of the batch.
package struct LoggedChange: Equatable, Sendable {
  var action: Event.Action
  var path: StorePath
  var isDirectory = false
  var isRefresh = false
  /// `nil` for a directory, a removal, and a refresh of a key.
  var value: [UInt8]?
  var deadline: StoreTime?

  init(
    _ action: Event.Action, _ path: StorePath, isDirectory: Bool = false, isRefresh: Bool = false,
    value: [UInt8]? = nil, deadline: StoreTime? = nil
  ) {
    self.action = action
    self.path = path
    self.isDirectory = isDirectory
    self.isRefresh = isRefresh
    self.value = value
    self.deadline = deadline
  }

  package init(_ event: Event) {
    let keepsValue = event.isRefresh && event.prevNode != nil
    self.init(
      event.action, event.node.path, isDirectory: event.node.isDirectory,
      isRefresh: event.isRefresh, value: keepsValue ? nil : event.node.value,
      deadline: event.node.deadline)
  }
}

extension KeyTree {
  /// Makes a change again on the tree before it.
  /// - Parameter now: the time of its batch.
  /// - Returns: `nil` when the change cannot follow on this tree.
  package mutating func redo(_ logged: LoggedChange, now: StoreTime) -> Change? {
    let path = logged.path
    guard !path.isRoot else { return nil }
    let found = self.find(path)
    var new = Command.NewNode(
      value: logged.value ?? [], isDirectory: logged.isDirectory, deadline: logged.deadline,
      isRefresh: logged.isRefresh)
    switch (logged.action, found) {
    case (.delete, .node(let node)), (.compareAndDelete, .node(let node)),
      (.expire, .node(let node)):
      return self.take(path, node, action: logged.action, now: now)
    case (.update, .node(let node)), (.compareAndSwap, .node(let node)):
      guard node.isDirectory == logged.isDirectory else { return nil }
      return self.overwrite(path, node, new, action: logged.action, now: now)
    case (.set, .node(let node)):
      if logged.isRefresh { new.value = node.value }
      return try? self.write(path, new, action: .set, over: found, now: now)
    case (.set, _), (.create, .missing):
      return try? self.write(path, new, action: logged.action, over: found, now: now)
    default: return nil
    }
  }
}
