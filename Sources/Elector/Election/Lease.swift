/// The lock key as this process holds it.
public struct Lease: Equatable, Sendable {
  /// The key's `createdIndex`: constant over renewals and larger for each new holder, hence a fencing
  /// token.
  public let term: UInt64
  /// The index of the change that we know of last; what a renewal or a release is compared with.
  public var modifiedIndex: UInt64
  /// When the request that was granted last was sent. The store counts the lease's time from later.
  public var sentAt: Instant
}

/// Who holds the lock key, by what the store says.
public struct Holder: Equatable, Sendable {
  /// The key's value: the holder's `--whoami`.
  public var name: String
  /// The key's `createdIndex`.
  public var term: UInt64
  public var modifiedIndex: UInt64

  public init(name: String, term: UInt64, modifiedIndex: UInt64) {
    self.name = name
    self.term = term
    self.modifiedIndex = modifiedIndex
  }
}
