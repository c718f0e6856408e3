/// The holder of a ``LeasedKey``.
public struct Holder: Equatable, Sendable {
  /// What the key holds.
  public var name: String
  /// The same over renewals, and larger for each new holder: v2's `createdIndex`, v3's
  /// `create_revision`.
  public var term: UInt64
  /// The index of the last change. v2 counts a renewal as one, v3 does not.
  public var modifiedIndex: UInt64

  public init(name: String, term: UInt64, modifiedIndex: UInt64) {
    self.name = name
    self.term = term
    self.modifiedIndex = modifiedIndex
  }
}
