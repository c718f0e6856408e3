import HTTPEndpoint

/// Something that the person who runs the client should read once.
public enum EtcdNotice: Equatable, Sendable, CustomStringConvertible {
  /// Which API is used from now on; the server's version, where it matters.
  case usesAPI(EtcdAPI, version: String?)
  /// The server's shortest time to live is longer than the one that was asked for.
  case longerTTL(asked: Int64, granted: Int64)
  case tlsReloaded
  /// The files changed, but do not make a whole: the old ones are used on.
  case tlsNotReloaded(ClientTLSError)

  init(_ reload: ClientTLS.Reload) {
    self =
      switch reload {
      case .succeeded: .tlsReloaded
      case .failed(let error): .tlsNotReloaded(error)
      }
  }

  /// Whether something is to be done about it.
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
      etcd grants no lease shorter than \(granted) s, \(asked) s were asked for: a takeover after a \
      crash takes as long
      """
    case .tlsReloaded: "the TLS files have changed and are in use from now on"
    case .tlsNotReloaded(let error):
      "the TLS files have changed, the old ones stay in use: \(error)"
    }
  }
}
