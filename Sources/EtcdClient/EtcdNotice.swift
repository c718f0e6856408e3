import HTTPEndpoint

/// What an operator of the client should read once.
public enum EtcdNotice: Equatable, Sendable, CustomStringConvertible {
  /// The API in use from now on, with the server's version for v3.
  case usesAPI(EtcdAPI, version: String?)
  /// The server's shortest TTL is longer than the requested one.
  case longerTTL(asked: Int64, granted: Int64)
  case tlsReloaded
  /// The new files do not belong together: the old ones stay in use.
  case tlsNotReloaded(ClientTLSError)

  init(tlsFailure: ClientTLSError?) {
    self = tlsFailure.map { .tlsNotReloaded($0) } ?? .tlsReloaded
  }

  /// Whether an operator should act on it.
  public var isWarning: Bool {
    switch self {
    case .usesAPI, .tlsReloaded: false
    case .longerTTL, .tlsNotReloaded: true
    }
  }

  public var description: String {
    switch self {
    case .usesAPI(let api, let version):
      "using etcd's \(api) API" + (version.map { " (etcd \($0))" } ?? "")
    case .longerTTL(let asked, let granted):
      """
      etcd's shortest lease is \(granted) s instead of \(asked) s: a takeover after a crash takes that \
      much longer
      """
    case .tlsReloaded: "the TLS files have changed; the new ones are in use"
    case .tlsNotReloaded(let error):
      "the TLS files have changed, but the old ones stay in use: \(error)"
    }
  }
}
