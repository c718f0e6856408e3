/// A key with a TTL that one client holds at a time, in either API of etcd.
///
/// Both implementations give the same answers. Neither repeats a write whose outcome is unknown: the caller
/// then reads. The server counts the TTL from an instant after the call, so a client that counts from
/// before the call never believes in a lease for too long.
public protocol LeasedKey: Sendable {
  /// Reads the key from the cluster's majority: `held` or `absent`.
  func read() async throws(EtcdClientError) -> LeaseAnswer
  /// Creates the key, with our value and TTL, if it does not exist: `granted` or `exists`.
  func create() async throws(EtcdClientError) -> LeaseAnswer
  /// Restarts the TTL if the key's last change was at this index: `granted`, `changed` or `absent`.
  func renew(ifIndex: UInt64) async throws(EtcdClientError) -> LeaseAnswer
  /// Removes the key if its last change was at this index: `released`, `changed` or `absent`.
  func release(ifIndex: UInt64) async throws(EtcdClientError) -> LeaseAnswer
  /// Waits for the first change after an index of the store, without a time-out.
  func nextChange(after index: UInt64) async throws(EtcdClientError) -> KeyChange

  /// Reads a plain key beside the leased one.
  func sideValue(_ key: String) async throws(EtcdClientError) -> SideAnswer
  /// Writes a plain key without a TTL beside the leased one, if the condition holds.
  func setSideValue(
    _ key: String, to value: String, if condition: SideCondition
  ) async throws(EtcdClientError) -> SideAnswer
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
