import HTTPEndpoint

/// The settings of a ``FakeAPIServer``.
public struct FakeAPIServerConfiguration: Equatable, Sendable {
  /// Address of the port without TLS and authentication: `--insecure-bind-address`.
  public var address = "127.0.0.1"
  /// `--insecure-port`; 0 for any free port, `nil` for none.
  public var port: Int? = 8080
  /// Address of the TLS port: `--bind-address`.
  public var secureAddress = "127.0.0.1"
  /// `--secure-port`; 0 for any free port.
  public var securePort = 6443
  /// The certificate of the TLS port; `nil` for no such port.
  public var tls: ServerTLS?
  /// The directory of the objects in etcd: `--etcd-prefix`.
  public var prefix = "/registry"
  /// How long a node may be silent before its conditions read Unknown: `--node-monitor-grace-period`.
  public var nodeGracePeriod = Duration.seconds(40)
  /// Lifetime of Event objects: `--event-ttl`.
  public var eventTTL = Duration.seconds(3600)
  /// The kubelets' port for logs, unless the Node object names one: `--kubelet-port`.
  public var kubeletPort = 10250
  /// Whether a Node object may name a loopback or link-local address: `--allow-local-kubelets`. Else anyone who
  /// may create one could make the server read what listens there, its own store among them.
  public var allowsLocalKubelets = false
  /// Kubelet URLs by node, at any address: `--kubelet-url`.
  public var kubeletURLs: [String: String] = [:]

  public init() {}
}

/// The URLs of a running server.
public struct FakeAPIServerAddresses: Equatable, Sendable {
  /// `http://127.0.0.1:8080`; `nil` when there is no such port.
  public var insecure: String?
  /// `https://127.0.0.1:6443`; `nil` when there is no such port.
  public var secure: String?
}

/// Why a server cannot start, besides `ServerTLSError`.
public enum FakeAPIServerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A port could not be bound; `flag` is the option of the `fake-apiserver` command.
  case cannotListen(address: String, port: Int, flag: String, reason: String)
  /// Neither port is configured.
  case noPort

  public var description: String {
    switch self {
    case .cannotListen(let address, let port, let flag, let reason):
      "\(flag): cannot listen on \(address):\(port): \(reason)"
    case .noPort: "--insecure-port=0 and no --tls-cert-file: there is nothing to listen on"
    }
  }
}
