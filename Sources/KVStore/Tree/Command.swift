/// A change that somebody asks for: the only way to alter a ``KeyTree``.
enum Command: Equatable, Sendable {
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
  struct NewNode: Equatable, Sendable {
    var value: [UInt8] = []
    var isDirectory = false
    var deadline: StoreTime?
    /// Keep the old value and wake no watcher: only the TTL changes.
    var isRefresh = false
  }

  /// What must hold of the present node; at least one of the two is given.
  struct Condition: Equatable, Sendable {
    var value: [UInt8]?
    var index: UInt64?
  }
}
