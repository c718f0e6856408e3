/// HAProxy's configuration file for some API servers.
///
/// It is made of `deploy/haproxy.cfg`, which is for an operator's machines.
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

  /// The operator's file with these addresses, without the comment at its top.
  package var text: String {
    let lines = RecipeManifests.text(PackageResources.haproxy_cfg)
      .split(separator: "\n", omittingEmptySubsequences: false).drop { $0 != "global" }
    let binds = self.binds.map { bind in
      "  bind \(bind.address)\(bind.namespace.map { " namespace \($0)" } ?? "")"
    }
    // The servers come last.
    let rules = lines.prefix { !$0.hasPrefix("  server ") }
      .flatMap { $0.hasPrefix("  bind ") ? binds : [String($0)] }
    let servers = self.servers.map { "  server \($0.name) \($0.address)" }
    return (rules + servers).joined(separator: "\n") + "\n"
  }
}
