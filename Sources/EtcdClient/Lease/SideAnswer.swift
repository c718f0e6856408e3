/// The condition of a write to a side key.
public enum SideCondition: Equatable, Sendable {
  case always
  case ifAbsent
  /// Only if its last change was at this index.
  case ifIndex(UInt64)
}

/// The result of a request for a side key.
public struct SideAnswer: Equatable, Sendable {
  /// What the store says of the side key.
  public enum Fact: Equatable, Sendable {
    case absent
    case found(value: String, modifiedIndex: UInt64)
    case written(modifiedIndex: UInt64)
    /// The condition did not hold.
    case conditionFailed
  }

  public var fact: Fact
  public var position: StorePosition

  public init(_ fact: Fact, at position: StorePosition) {
    self.fact = fact
    self.position = position
  }
}
