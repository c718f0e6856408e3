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
