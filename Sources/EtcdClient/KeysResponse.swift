/// The answer to a successful request to the keys API.
///
/// Source: etcd v2 API, `/v2/keys`.
public struct KeysResponse: Equatable, Sendable {
  /// `get`, `set`, `create`, `update`, `compareAndSwap`, `delete`, `compareAndDelete` or `expire`.
  public var action: String
  /// The key after the request; a removed key has no value.
  public var node: Node
  /// The key before the request; `nil` when it did not exist, and for reads.
  public var prevNode: Node?
  /// The store's index at the answer (`X-Etcd-Index`). A watch from the next index on misses nothing
  /// after a read.
  public var etcdIndex: UInt64
  /// The cluster's ID (`X-Etcd-Cluster-Id`); `nil` without one.
  public var clusterID: UInt64?

  public init(
    action: String, node: Node, prevNode: Node? = nil, etcdIndex: UInt64, clusterID: UInt64? = nil
  ) {
    self.clusterID = clusterID
    self.action = action
    self.node = node
    self.prevNode = prevNode
    self.etcdIndex = etcdIndex
  }
}

/// A key or a directory.
public struct Node: Equatable, Sendable {
  /// With a leading slash; empty for the root.
  public var key: String
  /// `nil` for a directory and after a removal.
  public var value: String?
  public var dir: Bool
  /// The index of the key's creation; a compare-and-swap keeps it.
  public var createdIndex: UInt64
  /// The index of the last change.
  public var modifiedIndex: UInt64
  /// The remaining TTL in whole seconds, rounded up by the server; `nil` for none.
  public var ttl: Int64?
  /// The end of the TTL by the server's wall clock, in RFC 3339. For people: never compare it with the
  /// clock of another machine.
  public var expiration: String?
  /// The directory's entries, as far as requested.
  public var nodes: [Node]

  public init(
    key: String, value: String? = nil, dir: Bool = false, createdIndex: UInt64 = 0,
    modifiedIndex: UInt64 = 0, ttl: Int64? = nil, expiration: String? = nil, nodes: [Node] = []
  ) {
    self.key = key
    self.value = value
    self.dir = dir
    self.createdIndex = createdIndex
    self.modifiedIndex = modifiedIndex
    self.ttl = ttl
    self.expiration = expiration
    self.nodes = nodes
  }
}

/// The answer to `/version`.
public struct EtcdVersion: Equatable, Sendable, Decodable {
  /// The member's own version, for example `3.4.23`.
  public var etcdserver: String
  /// The cluster's protocol version; `not_decided` right after the start.
  public var etcdcluster: String
}
