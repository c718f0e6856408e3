/// A change of a ``LeasedKey``.
public enum KeyChange: Equatable, Sendable {
  case written(Holder)
  /// Deleted or expired, at this index.
  case removed(index: UInt64)
  /// The store's history no longer reaches back that far: read the key.
  case historyCleared
}
