import ArgumentParser
import CommandLine

/// The flags of etcd that kvstore does not have, so that a command line, an environment or a file for etcd works.
///
/// Most are about what a kvstore has no use for, like peers: it names them in the log and goes on. Those that ask for
/// more than kvstore does are taken with the value that they have by themselves; with any other they are an error, since
/// to ignore them would be less than what was asked for.
///
/// Source: `etcd --help` of etcd 3.4.
enum EtcdFlags {
  /// Those that take no value, or one after `=`.
  static let switches: Set = [
    "auto-tls", "debug", "enable-pprof", "enable-v2", "experimental-enable-lease-checkpoint",
    "experimental-initial-corrupt-check", "experimental-peer-skip-client-san-verification",
    "force-new-cluster", "initial-election-tick-advance", "peer-auto-tls", "peer-client-cert-auth",
    "pre-vote", "strict-reconfig-check",
  ]

  /// By the reason why kvstore has no use for them.
  private static let ignored: [String: Set<String>] = [
    "kvstore has one member, no peers, and always both APIs": [
      "discovery", "discovery-fallback", "discovery-proxy", "discovery-srv", "discovery-srv-name",
      "election-timeout", "enable-v2", "experimental-peer-skip-client-san-verification",
      "force-new-cluster", "heartbeat-interval", "initial-advertise-peer-urls", "initial-cluster",
      "initial-cluster-state", "initial-cluster-token", "initial-election-tick-advance",
      "listen-peer-urls", "peer-auto-tls", "peer-cert-allowed-cn", "peer-cert-allowed-hostname",
      "peer-cert-file", "peer-client-cert-auth", "peer-crl-file", "peer-key-file",
      "peer-trusted-ca-file", "pre-vote", "proxy-dial-timeout", "proxy-failure-wait",
      "proxy-read-timeout", "proxy-refresh-interval", "proxy-write-timeout",
      "strict-reconfig-check", Settings.peerSection,
    ],
    "kvstore has a log and tables of its own, and checks them at each start": [
      "backend-batch-interval", "backend-batch-limit", "experimental-backend-bbolt-freelist-type",
      "experimental-compaction-batch-limit", "experimental-corrupt-check-time",
      "experimental-enable-lease-checkpoint", "experimental-initial-corrupt-check",
      "max-snapshots", "max-wals", "snapshot-count", "wal-dir",
    ],
    "kvstore logs to standard error, see --log-format and --v, and has one form of metrics": [
      "debug", "enable-pprof", "experimental-warning-apply-duration", "log-level", "log-outputs",
      "log-package-levels", "logger", "metrics",
    ],
    "kvstore has limits of its own for connections": [
      "experimental-watch-progress-notify-interval", "grpc-keepalive-interval",
      "grpc-keepalive-min-time", "grpc-keepalive-timeout", "max-concurrent-streams",
    ],
  ]

  private static let reasons: [String: String] = Dictionary(
    uniqueKeysWithValues: Self.ignored.flatMap { reason, names in names.map { ($0, reason) } })

  /// The values that ask for nothing, and why there is no more.
  private static let guards: [String: (harmless: Set<String>, reason: String)] = {
    let no: Set = ["false", "0", "f", "F", "FALSE", "False"]
    return [
      "auth-token": (["simple"], "kvstore has simple tokens alone"),
      "auth-token-ttl": (["300"], "tokens live for 300 s after their last use"),
      "auto-tls": (no, "make a certificate, and name it with --cert-file and --key-file"),
      "bcrypt-cost": (["10"], "passwords are hashed with a cost of 10"),
      "cipher-suites": ([""], "kvstore has the cipher suites of its TLS library"),
      "client-cert-allowed-hostname": ([""], "names in clients' certificates are not compared"),
      "client-crl-file": ([""], "kvstore reads no revocation lists"),
      "experimental-enable-v2v3": ([""], "v2 and v3 have keyspaces of their own"),
      "proxy": (["off"], "kvstore is no proxy"),
    ]
  }()

  /// All of them, without leading hyphens.
  static let names = Set(Self.reasons.keys).union(Self.guards.keys)

  /// Removes them from a command line, up to a lone `--`.
  /// - Parameter arguments: in which a switch has its value after `=`.
  /// - Returns: a warning for each that is ignored.
  /// - Throws: for one that asks for more than kvstore does.
  static func remove(from arguments: inout [String]) throws(ValidationError) -> [String] {
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
      let value =
        hasValueBehind ? arguments[position + 1] : parts.count == 2 ? String(parts[1]) : ""
      arguments.removeSubrange(position...(position + (hasValueBehind ? 1 : 0)))
      if let problem = self.problem(name, value) { throw ValidationError("--\(name) \(problem)") }
      warnings += self.warning(name, "--\(name)")
    }
    return warnings
  }

  /// Removes them from what the environment and the file have set, and adds a warning for each that is ignored.
  /// - Throws: for one that asks for more than kvstore does.
  static func remove(from settings: inout Settings) throws(SettingsError) {
    for entry in settings.entries {
      let (name, value) = self.parts(of: entry)
      guard self.names.contains(name) else { continue }
      if let problem = self.problem(name, value) {
        throw SettingsError(place: entry.origin, problem: "\(name) \(problem)")
      }
      settings.warnings += self.warning(name, "\(entry.origin): \(name)")
    }
    settings.entries.removeAll { self.names.contains(self.parts(of: $0).name) }
  }

  /// `--cert-file=`, for which the parser finds no value, in two words.
  static func spellingOutEmptyValues(_ arguments: [String]) -> [String] {
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    return arguments[..<end].flatMap { argument in
      argument.hasPrefix("--") && argument.hasSuffix("=")
        ? [String(argument.dropLast()), ""] : [argument]
    } + arguments[end...]
  }

  private static func parts(of entry: Setting) -> (name: String, value: String) {
    let name = entry.argument.dropFirst(2).prefix { $0 != "=" }
    return (String(name), String(entry.argument.dropFirst(2 + name.count + 1)))
  }

  private static func problem(_ name: String, _ value: String) -> String? {
    guard let known = self.guards[name], !known.harmless.contains(value) else { return nil }
    return "cannot be \"\(value)\": \(known.reason)"
  }

  private static func warning(_ name: String, _ flag: String) -> [String] {
    self.reasons[name].map { ["\(flag) is ignored: \($0)"] } ?? []
  }
}
