/// A key with a time to live that one of several has to itself, in whichever API of etcd.
///
/// The two implementations tell the same facts. None of them sends a write a second time when the
/// outcome of the first is not known; the caller reads then. A time to live is counted by the server
/// from an instant after the call, so whoever counts from before the call is never too late.
public protocol LeasedKey: Sendable {
  /// What the key is, by the word of the cluster's majority.
  func read() async throws(EtcdClientError) -> LeaseAnswer
  /// Makes the key, with our value and time to live, if there is none: `granted` or `exists`.
  func create() async throws(EtcdClientError) -> LeaseAnswer
  /// Lets the time to live begin anew if the key's last change was at this index: `granted`, `changed`
  /// or `absent`.
  func renew(ifIndex: UInt64) async throws(EtcdClientError) -> LeaseAnswer
  /// Removes the key if its last change was at this index: `released`, `changed` or `absent`.
  func release(ifIndex: UInt64) async throws(EtcdClientError) -> LeaseAnswer
  /// Waits for the first change after an index of the store, for as long as it takes.
  func nextChange(after index: UInt64) async throws(EtcdClientError) -> KeyChange

  /// Reads a plain key beside the leased one.
  func sideValue(_ key: String) async throws(EtcdClientError) -> SideAnswer
  /// Writes a plain key beside the leased one, without a time to live, if the condition holds.
  func setSideValue(
    _ key: String, to value: String, if condition: SideCondition
  ) async throws(EtcdClientError) -> SideAnswer
}

/// What is kept in a ``LeasedKey``, and how long.
public struct LeaseTerms: Equatable, Sendable {
  /// The key's name; slashes in it separate components, those at its ends do not matter.
  public var key: String
  /// What the key holds while it is ours.
  public var value: String
  public var ttlSeconds: Int64
  /// The bound of one call.
  public var timeout: Duration

  public init(key: String, value: String, ttlSeconds: Int64, timeout: Duration) {
    self.key = key
    self.value = value
    self.ttlSeconds = ttlSeconds
    self.timeout = timeout
  }
}

/// What a request came to, and where the store was then.
public struct LeaseAnswer: Equatable, Sendable {
  public enum Fact: Equatable, Sendable {
    case absent
    /// - `remaining`: how long the lease is valid, rounded up to whole seconds; `nil` when the answer
    ///   does not say, as in v3.
    case held(Holder, remaining: Duration? = nil)
    /// The key is ours from the instant at which the request was sent, for its time to live.
    case granted(term: UInt64, modifiedIndex: UInt64)
    case released
    /// To a creation: there is one already.
    case exists
    /// To a renewal or a release: it is another key, or was changed since.
    case changed
  }

  public var fact: Fact
  public var position: StorePosition

  public init(_ fact: Fact, at position: StorePosition) {
    self.fact = fact
    self.position = position
  }
}

/// When a side key may be written.
public enum SideCondition: Equatable, Sendable {
  case always
  case ifAbsent
  /// If its last change was at this index.
  case ifIndex(UInt64)
}

/// What became of a side key.
public struct SideAnswer: Equatable, Sendable {
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
