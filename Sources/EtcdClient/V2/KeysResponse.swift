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
