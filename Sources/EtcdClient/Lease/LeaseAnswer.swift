/// The result of a request, and the store's position then.
public struct LeaseAnswer: Equatable, Sendable {
  /// What the store says of the key.
  public enum Fact: Equatable, Sendable {
    case absent
    /// - `remaining`: the remaining TTL, rounded up to whole seconds; `nil` in v3, whose answer has none.
    case held(Holder, remaining: Duration? = nil)
    /// We hold the key for its TTL, counted from the instant at which the request was sent.
    case granted(term: UInt64, modifiedIndex: UInt64)
    case released
    /// A creation failed because the key exists.
    case exists
    /// A renewal or a release failed because the key has changed, or is another one.
    case changed
  }

  public var fact: Fact
  public var position: StorePosition

  public init(_ fact: Fact, at position: StorePosition) {
    self.fact = fact
    self.position = position
  }
}
