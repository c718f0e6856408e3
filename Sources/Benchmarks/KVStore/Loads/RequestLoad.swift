import TestCluster

/// Requests at full speed over a number of connections.
package struct RequestLoad: Equatable, Sendable {
  /// What is requested. Keys of ``keyCount`` are numbered from 1 on.
  package enum Pattern: Equatable, Sendable {
    case getOne(isQuorum: Bool)
    case getMany(keyCount: Int)
    case putOne
    case putMany(keyCount: Int)
    /// What an elector sends all the time, each connection with a key of its own.
    case renewLeases
    /// Nine reads to one write.
    case mixed(keyCount: Int)
  }

  package var pattern: Pattern
  package var connections: Int
}

/// The keys that all loads use, and what stands in them.
package enum Keys {
  package static let value = String(repeating: "x", count: 100)
  package static let one = "/v2/keys/bench/one"
  /// A number is to follow.
  package static let many = "/v2/keys/bench/many/"
  package static let lease = "/v2/keys/lease-"
  package static let watched = "/v2/keys/bench/watched/"
  package static let expiring = "/v2/keys/bench/expiring/"
  package static let formType = "application/x-www-form-urlencoded"
}
