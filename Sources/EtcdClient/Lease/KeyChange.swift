/// What happened to a ``LeasedKey``.
public enum KeyChange: Equatable, Sendable {
  case written(Holder)
  /// It was deleted or has expired, at this index.
  case removed(index: UInt64)
  /// The store no longer knows what happened so long ago: read anew.
  case historyCleared
}
