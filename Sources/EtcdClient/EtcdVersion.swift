/// The answer to `/version`.
public struct EtcdVersion: Equatable, Sendable, Decodable {
  /// The member's own version, for example `3.4.23`.
  public var etcdserver: String
  /// The cluster's protocol version; `not_decided` right after the start.
  public var etcdcluster: String
}
