import HTTPEndpoint

/// What a fake API server is started with.
public struct FakeAPIServerConfiguration: Equatable, Sendable {
  /// Plain HTTP, for everybody: `--insecure-bind-address`, `--insecure-port`.
  public var address = "127.0.0.1"
  /// 0 for any that is free; `nil` for none.
  public var port: Int? = 8080
  /// TLS: `--bind-address`, `--secure-port`; only with ``tls``.
  public var secureAddress = "127.0.0.1"
  public var securePort = 6443
  public var tls: ServerTLS?
  /// Below which the objects are in etcd: `--etcd-prefix`.
  public var prefix = "/registry"
  /// After which a node that says nothing is shown as such: `--node-monitor-grace-period`.
  public var nodeGracePeriod = Duration.seconds(40)
  /// How long Event objects are kept: `--event-ttl`.
  public var eventTTL = Duration.seconds(3600)
  /// Where a node's kubelet is asked for logs when its Node object does not tell: `--kubelet-port`.
  public var kubeletPort = 10250
  /// Nodes whose kubelets are at a URL of their own: `--kubelet-url`.
  public var kubeletURLs: [String: String] = [:]

  public init() {}
}

/// Where a server listens.
public struct FakeAPIServerAddresses: Equatable, Sendable {
  /// `http://127.0.0.1:8080`; `nil` without such a port.
  public var insecure: String?
  /// `https://127.0.0.1:6443`.
  public var secure: String?
}

/// Why a server cannot be started, besides `ServerTLSError`.
public enum FakeAPIServerError: Error, Equatable, Sendable, CustomStringConvertible {
  case cannotListen(address: String, port: Int, flag: String, reason: String)
  /// Neither of the two ports is wanted.
  case noPort

  public var description: String {
    switch self {
    case .cannotListen(let address, let port, let flag, let reason):
      "\(flag): cannot listen on \(address):\(port): \(reason)"
    case .noPort: "--insecure-port=0 and no --tls-cert-file: there is nothing to listen on"
    }
  }
}
