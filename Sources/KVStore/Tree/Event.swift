/// A change, or the result of a read: the body of every answer without an error.
///
/// Source: "Key Space Operations" of etcd's v2 API document; `Event` and `NodeExtern` of v2store.
package struct Event: Equatable, Sendable {
  package enum Action: String, CaseIterable, Sendable {
    case get, set, create, update, delete, expire, compareAndSwap, compareAndDelete
  }

  /// Shared: an event is in its batch, the history, an answer and many watches at once.
  private let contents: Contents

  private final class Contents: Sendable {
    let action: Action
    let node: NodeView
    let prevNode: NodeView?
    let isRefresh: Bool

    init(_ action: Action, _ node: NodeView, _ prevNode: NodeView?, _ isRefresh: Bool) {
      self.action = action
      self.node = node
      self.prevNode = prevNode
      self.isRefresh = isRefresh
    }
  }

  init(_ action: Action, node: NodeView, prevNode: NodeView? = nil, isRefresh: Bool = false) {
    self.contents = Contents(action, node, prevNode, isRefresh && action != .create)
  }

  package var action: Action { self.contents.action }
  package var node: NodeView { self.contents.node }
  package var prevNode: NodeView? { self.contents.prevNode }
  /// A refresh of a TTL is in the history, so that it has no gap, but wakes no watcher. A creation is
  /// never one: etcd publishes it even if it was asked for with `refresh=true`.
  package var isRefresh: Bool { self.contents.isRefresh }

  package static func == (a: Event, b: Event) -> Bool {
    a.action == b.action && a.node == b.node && a.prevNode == b.prevNode
      && a.isRefresh == b.isRefresh
  }

  /// The index of the change; meaningless for a read.
  package var index: UInt64 { self.node.modifiedIndex }

  /// Whether the key is new (HTTP status 201).
  var isCreation: Bool {
    self.action == .create || self.action == .set && self.prevNode == nil
  }

  /// Whether it removed a directory with everything below.
  var removedDirectory: Bool {
    (self.action == .delete || self.action == .expire) && self.prevNode?.isDirectory == true
  }
}

/// A node as clients see it at one instant.
package struct NodeView: Equatable, Sendable {
  package var path: StorePath
  package var value: [UInt8]?
  package var isDirectory = false
  package var deadline: StoreTime?
  /// Whole seconds from that instant to the deadline.
  package var ttl: Int64 = 0
  package var children: [NodeView] = []
  package var modifiedIndex: UInt64
  package var createdIndex: UInt64
}
