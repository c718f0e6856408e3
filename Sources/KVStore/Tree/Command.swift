/// A requested change: the only way to change a ``KeyTree``.
package enum Command: Equatable, Sendable {
  /// Creates or replaces a key; refused for a directory.
  case set(StorePath, NewNode)
  /// Creates a key that must not exist.
  case create(StorePath, NewNode)
  /// Creates a key in a directory, with a name that sorts after all earlier ones.
  case createInOrder(StorePath, NewNode)
  /// Changes an existing key, or the TTL of an existing directory.
  case update(StorePath, NewNode)
  case compareAndSwap(StorePath, Condition, NewNode)
  case delete(StorePath, isDirectory: Bool, isRecursive: Bool)
  case compareAndDelete(StorePath, Condition)
  /// The store's own: the TTL has ended. Ignored if the deadline has changed.
  case expire(StorePath, deadline: StoreTime)

  package struct NewNode: Equatable, Sendable {
    package var value: [UInt8] = []
    package var isDirectory = false
    package var deadline: StoreTime?
    /// Changes only the TTL of an existing key, and wakes no watcher.
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

  /// Compared with the present node; at least one of the two is given.
  package struct Condition: Equatable, Sendable {
    package var value: [UInt8]?
    package var index: UInt64?

    package init(value: [UInt8]? = nil, index: UInt64? = nil) {
      self.value = value
      self.index = index
    }
  }
}
