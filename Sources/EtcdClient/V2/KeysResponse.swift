import JSONText

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

extension KeysResponse {
  /// Parses the body of an answer in one pass: a directory may have thousands of keys.
  /// - Throws: when the bytes are not JSON, or not an event.
  init(parsing bytes: [UInt8], etcdIndex: UInt64, clusterID: UInt64?) throws(JSONError) {
    var reader = JSONReader(bytes)
    var (action, node, prevNode) = (String?.none, Node?.none, Node?.none)
    try reader.openObject()
    while let name = try reader.nextMember() {
      switch name {
      case "action": action = try reader.string()
      case "node": node = try Node(from: &reader)
      case "prevNode":
        if try reader.kind() == .null {
          try reader.null()
        } else {
          prevNode = try Node(from: &reader)
        }
      default: try reader.skip()
      }
    }
    try reader.end()
    guard let action, let node else { throw reader.wrong("action or node is missing") }
    self.init(
      action: action, node: node, prevNode: prevNode, etcdIndex: etcdIndex, clusterID: clusterID)
  }
}

extension Node {
  /// etcd omits what is zero, empty or false.
  fileprivate init(from reader: inout JSONReader) throws(JSONError) {
    self.init(key: "")
    try reader.openObject()
    while let name = try reader.nextMember() {
      if try reader.kind() == .null {
        try reader.null()
        continue
      }
      switch name {
      case "key": self.key = try reader.string()
      case "value": self.value = try reader.string()
      case "dir": self.dir = try reader.boolean()
      case "createdIndex": self.createdIndex = try reader.unsigned()
      case "modifiedIndex": self.modifiedIndex = try reader.unsigned()
      case "ttl": self.ttl = try reader.integer()
      case "expiration": self.expiration = try reader.string()
      case "nodes":
        try reader.openArray()
        while try reader.nextElement() { self.nodes.append(try Node(from: &reader)) }
      default: try reader.skip()
      }
    }
  }
}
