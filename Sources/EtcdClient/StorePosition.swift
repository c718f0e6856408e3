/// The store that gave an answer, and its index then.
public struct StorePosition: Hashable, Sendable {
  /// The cluster's ID, the same in both APIs; `nil` from a server without one.
  public var clusterID: UInt64?
  /// v2's `X-Etcd-Index`, v3's `header.revision`.
  public var index: UInt64

  public init(clusterID: UInt64? = nil, index: UInt64) {
    self.clusterID = clusterID
    self.index = index
  }
}
