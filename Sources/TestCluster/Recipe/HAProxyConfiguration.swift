/// HAProxy's configuration file for some API servers.
///
/// `deploy/haproxy.cfg` is the same for an operator's machines; a test compares both.
/// Source: HAProxy 2.6's configuration manual.
package struct HAProxyConfiguration: Equatable, Sendable {
  /// Where clients connect.
  package struct Bind: Equatable, Sendable {
    /// An address and a port: `127.0.0.1:8080`.
    package var address: String
    /// The name of the network namespace whose address it is; `nil` for HAProxy's own.
    package var namespace: String?
  }

  /// An API server.
  package struct Server: Equatable, Sendable {
    package var name: String
    /// With its port.
    package var address: String
  }

  package var binds: [Bind]
  package var servers: [Server]

  /// The part that is the same everywhere: everything but addresses.
  private static let rules = """
    global
      log stdout format raw local0 info
      maxconn 4096

    defaults
      mode http
      log global
      option dontlognull
      # A server that is down does not answer: try the next one after a second.
      timeout connect 1s
      timeout http-request 10s
      # A watch, or a log that is followed, may be silent for long.
      timeout client 1h
      timeout server 1h
      # A connection for each request: a connection kept open to a machine without power would lose its request.
      option http-server-close
      retries 3
      option redispatch 1
      retry-on conn-failure empty-response
    """

  package var text: String {
    """
    \(Self.rules)

    frontend kubernetes
    \(self.binds.map { "  bind \($0.address)\($0.namespace.map { " namespace \($0)" } ?? "")" }.joined(separator: "\n"))
      default_backend api-servers

    backend api-servers
      balance roundrobin
      option httpchk GET /healthz
      http-check expect status 200
      # A request without a connection has done nothing. One that was cut off may have: repeat only reads.
      http-request disable-l7-retry unless METH_GET
      # A request or a watch on a machine without power ends within five seconds, so that its client asks another one.
      # (Not by on-marked-down shutdown-sessions, which also cuts off requests that are about to be redispatched.)
      option srvtcpka
      srvtcpka-idle 2s
      srvtcpka-intvl 1s
      srvtcpka-cnt 3
      default-server check inter 1s fall 2 rise 2 tcp-ut 5s
    \(self.servers.map { "  server \($0.name) \($0.address)" }.joined(separator: "\n"))

    """
  }
}
