import CommandLine

/// etcd's flags about a cluster and its members. A kvstore has one member and no peers: it names them in the
/// log and goes on, so that a command line, an environment or a file for etcd works.
///
/// Source: `etcd --help` of etcd 3.4. Flags that guard something, like `--client-crl-file`, are not here: to
/// ignore them would be less than what was asked for.
enum ClusterFlags {
  /// Those that take no value, or one after `=`.
  static let switches: Set = [
    "enable-v2", "initial-election-tick-advance", "peer-auto-tls", "peer-client-cert-auth",
    "pre-vote", "strict-reconfig-check",
  ]

  /// All of them, without leading hyphens.
  static let names: Set = Self.switches.union([
    "discovery", "discovery-fallback", "discovery-proxy", "discovery-srv", "discovery-srv-name",
    "election-timeout", "heartbeat-interval", "initial-advertise-peer-urls", "initial-cluster",
    "initial-cluster-state", "initial-cluster-token", "listen-peer-urls", "peer-cert-allowed-cn",
    "peer-cert-allowed-hostname", "peer-cert-file", "peer-crl-file", "peer-key-file",
    "peer-trusted-ca-file", Settings.peerSection,
  ])

  /// Removes them from a command line, up to a lone `--`.
  /// - Parameter arguments: in which a switch has its value after `=`.
  /// - Returns: a warning for each.
  static func remove(from arguments: inout [String]) -> [String] {
    var warnings: [String] = []
    var position = 0
    while position < arguments.count, arguments[position] != "--" {
      let argument = arguments[position]
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts.first?.dropFirst(2) ?? "")
      guard argument.hasPrefix("--"), self.names.contains(name) else {
        position += 1
        continue
      }
      let hasValueBehind = parts.count == 1 && position + 1 < arguments.count
      arguments.removeSubrange(position...(position + (hasValueBehind ? 1 : 0)))
      warnings.append(self.warning("--\(name)"))
    }
    return warnings
  }

  /// Removes them from what the environment and the file have set, and adds a warning for each.
  static func remove(from settings: inout Settings) {
    settings.entries.removeAll { entry in
      let name = entry.argument.dropFirst(2).prefix { $0 != "=" }
      guard self.names.contains(String(name)) else { return false }
      settings.warnings.append(self.warning("\(entry.origin): \(name)"))
      return true
    }
  }

  private static func warning(_ flag: String) -> String {
    "\(flag) is ignored: kvstore has one member, no peers, and always both APIs"
  }
}
