/// What a change did, or what a read found: the body of every answer that is no error.
///
/// Source: "Key Space Operations" of etcd's v2 API document; `Event` and `NodeExtern` of v2store.
package struct Event: Equatable, Sendable {
  package enum Action: String, Sendable {
    case get, set, create, update, delete, expire, compareAndSwap, compareAndDelete
  }

  package let action: Action
  package let node: NodeView
  package let prevNode: NodeView?
  /// A refresh of a TTL is part of the history, so that no index is missing there, but wakes nobody.
  package let isRefresh: Bool

  init(_ action: Action, node: NodeView, prevNode: NodeView? = nil, isRefresh: Bool = false) {
    self.action = action
    self.node = node
    self.prevNode = prevNode
    self.isRefresh = isRefresh
  }

  /// The index of the change; meaningless for a read.
  package var index: UInt64 { self.node.modifiedIndex }

  /// Whether it made a key that was not there before (HTTP status 201).
  var isCreation: Bool {
    self.action == .create || self.action == .set && self.prevNode == nil
  }

  /// Whether it took a directory away, with all that was below it.
  var removedDirectory: Bool {
    (self.action == .delete || self.action == .expire) && self.prevNode?.isDirectory == true
  }
}

/// A node as it is shown to clients at one instant.
package struct NodeView: Equatable, Sendable {
  package var path: StorePath
  package var value: [UInt8]?
  package var isDirectory = false
  package var deadline: StoreTime?
  /// Whole seconds that remained until the deadline when this was made.
  package var ttl: Int64 = 0
  package var children: [NodeView] = []
  package var modifiedIndex: UInt64
  package var createdIndex: UInt64
}
