/// A change that somebody asks for: the only way to alter a ``KeyTree``.
package enum Command: Equatable, Sendable {
  /// Writes a key, whatever was there before; a directory is never overwritten.
  case set(StorePath, NewNode)
  /// Writes a key that must not be there yet.
  case create(StorePath, NewNode)
  /// Writes a key into a directory, under a name that sorts after all that were made before.
  case createInOrder(StorePath, NewNode)
  /// Writes a key, or the TTL of a directory, that must be there.
  case update(StorePath, NewNode)
  case compareAndSwap(StorePath, Condition, NewNode)
  case delete(StorePath, isDirectory: Bool, isRecursive: Bool)
  case compareAndDelete(StorePath, Condition)
  /// The store's own: the node's time is over. Says nothing when the deadline is not that one any more.
  case expire(StorePath, deadline: StoreTime)

  /// What is written.
  package struct NewNode: Equatable, Sendable {
    package var value: [UInt8] = []
    package var isDirectory = false
    package var deadline: StoreTime?
    /// Keep the old value and wake no watcher: only the TTL changes.
    package var isRefresh = false

    package init(
      value: [UInt8] = [], isDirectory: Bool = false, deadline: StoreTime? = nil,
      isRefresh: Bool = false
    ) {
      self.value = value
      self.isDirectory = isDirectory
      self.deadline = deadline
      self.isRefresh = isRefresh
    }
  }

  /// What must hold of the present node; at least one of the two is given.
  package struct Condition: Equatable, Sendable {
    package var value: [UInt8]?
    package var index: UInt64?

    package init(value: [UInt8]? = nil, index: UInt64? = nil) {
      self.value = value
      self.index = index
    }
  }
}
