/// A key with a TTL that one client holds at a time, in either API of etcd.
///
/// Both implementations give the same answers. Neither repeats a write whose outcome is unknown: the caller
/// then reads. The server counts the TTL from an instant after the call, so a client that counts from
/// before the call never believes in a lease for too long.
public protocol LeasedKey: Sendable {
  /// Sends one request about the key.
  func perform(_ request: LeaseRequest) async throws(EtcdClientError) -> LeaseAnswer
  /// Waits for the first change after an index of the store, without a time-out.
  func nextChange(after index: UInt64) async throws(EtcdClientError) -> KeyChange

  /// Reads a plain key beside the leased one.
  func sideValue(_ key: String) async throws(EtcdClientError) -> SideAnswer
  /// Writes a plain key without a TTL beside the leased one, if the condition holds.
  func setSideValue(
    _ key: String, to value: String, if condition: SideCondition
  ) async throws(EtcdClientError) -> SideAnswer

  /// The time for which this machine stood still while its clocks stood too, as far as the store's answers have
  /// shown. It only grows.
  var timeStoodStill: Duration { get }
}

extension LeasedKey {
  public var timeStoodStill: Duration { .zero }

  /// ``LeaseRequest/read``.
  public func read() async throws(EtcdClientError) -> LeaseAnswer {
    try await self.perform(.read)
  }

  /// ``LeaseRequest/create``.
  public func create() async throws(EtcdClientError) -> LeaseAnswer {
    try await self.perform(.create)
  }

  /// ``LeaseRequest/renew(ifIndex:)``.
  public func renew(ifIndex index: UInt64) async throws(EtcdClientError) -> LeaseAnswer {
    try await self.perform(.renew(ifIndex: index))
  }

  /// ``LeaseRequest/release(ifIndex:)``.
  public func release(ifIndex index: UInt64) async throws(EtcdClientError) -> LeaseAnswer {
    try await self.perform(.release(ifIndex: index))
  }
}

/// A request about a ``LeasedKey``.
public enum LeaseRequest: Equatable, Sendable {
  /// Reads the key from the cluster's majority: `held` or `absent`.
  case read
  /// Creates the key, with our value and TTL, if it does not exist: `granted` or `exists`.
  case create
  /// Restarts the TTL if the key's last change was at this index: `granted`, `changed` or `absent`.
  case renew(ifIndex: UInt64)
  /// Removes the key if its last change was at this index: `released`, `changed` or `absent`.
  case release(ifIndex: UInt64)
}

/// The name, value and TTL of a ``LeasedKey``.
public struct LeaseOptions: Equatable, Sendable {
  /// The key's name. Slashes separate components; leading and trailing ones are ignored.
  public var key: String
  /// The key's value while we hold it.
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

/// The result of a request, and the store's position then.
public struct LeaseAnswer: Equatable, Sendable {
  /// What the store says of the key.
  public enum Fact: Equatable, Sendable {
    case absent
    case held(Holder, remaining: LeaseRest = .unknown)
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

/// How long a ``LeasedKey`` stays without a renewal.
public enum LeaseRest: Equatable, Sendable {
  /// v3's answer does not say.
  case unknown
  /// The key has no TTL: it was written by hand, and only a person can remove it.
  case endless
  /// In v2 rounded up to whole seconds.
  case known(Duration)

  public static func seconds(_ seconds: Int64) -> Self { .known(.seconds(seconds)) }

  /// `nil` when it is unknown or has no end.
  public var duration: Duration? { if case .known(let duration) = self { duration } else { nil } }
}

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

/// A change of a ``LeasedKey``.
public enum KeyChange: Equatable, Sendable {
  case written(Holder)
  /// Deleted or expired, at this index.
  case removed(index: UInt64)
  /// The store's history no longer reaches back that far: read the key.
  case historyCleared
}
