import TestCluster

/// Requests at full speed over a number of connections.
package struct RequestLoad: Equatable, Sendable {
  /// The requests. `keyCount` keys are numbered from 1 on.
  package enum Pattern: Equatable, Sendable {
    case getOne(isQuorum: Bool)
    case getMany(keyCount: Int)
    case putOne
    case putMany(keyCount: Int)
    /// An elector's renewals; each connection has its own key.
    case renewLeases
    /// Nine reads to one write.
    case mixed(keyCount: Int)
  }

  package var pattern: Pattern
  package var connections: Int
}

/// The keys and the value of all loads.
package enum Keys {
  package static let value = String(repeating: "x", count: 100)
  package static let one = "/v2/keys/bench/one"
  /// A number follows.
  package static let many = "/v2/keys/bench/many/"
  package static let lease = "/v2/keys/lease-"
  package static let watched = "/v2/keys/bench/watched/"
  package static let expiring = "/v2/keys/bench/expiring/"
  package static let formType = "application/x-www-form-urlencoded"
}
