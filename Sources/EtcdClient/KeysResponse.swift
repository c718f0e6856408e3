/// The answer to a successful request to the keys API.
///
/// Source: etcd v2 API, `/v2/keys`.
public struct KeysResponse: Equatable, Sendable {
  /// `get`, `set`, `create`, `update`, `compareAndSwap`, `delete`, `compareAndDelete` or `expire`.
  public var action: String
  /// What the key is now; after a removal it has no value.
  public var node: Node
  /// What the key was before; `nil` when it was not there, and for reads.
  public var prevNode: Node?
  /// The store's index when it answered (`X-Etcd-Index`). A watch from the next one on misses
  /// nothing that happened after a read.
  public var etcdIndex: UInt64
  /// Which cluster it was (`X-Etcd-Cluster-Id`); `nil` when it did not tell.
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
  /// Begins with a slash; the root's is empty.
  public var key: String
  /// `nil` for a directory and after a removal.
  public var value: String?
  public var dir: Bool
  /// The index at which the key came into being; a compare-and-swap keeps it.
  public var createdIndex: UInt64
  /// The index of the last change.
  public var modifiedIndex: UInt64
  /// The remaining time to live in whole seconds, rounded up by the server; `nil` for ever.
  public var ttl: Int64?
  /// When the key ends by the server's wall clock, as RFC 3339 text. For people: comparing it with
  /// a clock of another machine decides nothing.
  public var expiration: String?
  /// What is in the directory, as far as it was asked for.
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

/// A server's answer to `/version`.
public struct EtcdVersion: Equatable, Sendable, Decodable {
  /// The member's own version, for example `3.4.23`.
  public var etcdserver: String
  /// The version of the cluster's protocol; `not_decided` right after the start.
  public var etcdcluster: String
}
