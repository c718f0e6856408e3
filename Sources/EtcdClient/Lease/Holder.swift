/// The holder of a ``LeasedKey``.
public struct Holder: Equatable, Sendable {
  /// The key's value.
  public var name: String
  /// Constant over renewals and larger for each new holder, hence a fencing token: v2's `createdIndex`,
  /// v3's `create_revision`.
  public var term: UInt64
  /// The index of the last change. v2 counts a renewal as one, v3 does not.
  public var modifiedIndex: UInt64

  public init(name: String, term: UInt64, modifiedIndex: UInt64) {
    self.name = name
    self.term = term
    self.modifiedIndex = modifiedIndex
  }
}
