import Foundation
import Subprocess
import TestSupport
import Testing

@testable import KVStore

/// A command line, an environment and a file for etcd start a kvstore.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct EtcdFlagsTests {
  /// The flags of `etcd --help` of 3.4.23, each with the value that it has there by itself. Where that is none, or a
  /// Go expression, it is one that a script may well give.
  private static let all: [(name: String, value: String)] = """
    name default
    data-dir DATA
    wal-dir WAL
    snapshot-count 100000
    heartbeat-interval 100
    election-timeout 1000
    initial-election-tick-advance true
    listen-peer-urls http://localhost:2380
    listen-client-urls http://127.0.0.1:0
    max-snapshots 5
    max-wals 5
    quota-backend-bytes 0
    backend-batch-interval 100ms
    backend-batch-limit 0
    max-txn-ops 128
    max-request-bytes 1572864
    max-concurrent-streams 1000
    grpc-keepalive-min-time 5s
    grpc-keepalive-interval 2h
    grpc-keepalive-timeout 20s
    initial-advertise-peer-urls http://localhost:2380
    initial-cluster default=http://localhost:2380
    initial-cluster-state new
    initial-cluster-token etcd-cluster
    advertise-client-urls http://localhost:2379
    discovery
    discovery-fallback proxy
    discovery-proxy
    discovery-srv
    discovery-srv-name
    strict-reconfig-check true
    pre-vote false
    auto-compaction-retention 0
    auto-compaction-mode periodic
    enable-v2 false
    cert-file
    key-file
    client-cert-auth false
    client-crl-file
    client-cert-allowed-hostname
    trusted-ca-file
    auto-tls false
    peer-cert-file
    peer-key-file
    peer-client-cert-auth false
    peer-trusted-ca-file
    peer-cert-allowed-cn
    peer-cert-allowed-hostname
    peer-auto-tls false
    peer-crl-file
    cipher-suites
    cors *
    host-whitelist *
    auth-token simple
    bcrypt-cost 10
    auth-token-ttl 300
    enable-pprof false
    metrics basic
    listen-metrics-urls
    logger capnslog
    log-outputs default
    log-level info
    proxy off
    proxy-failure-wait 5000
    proxy-refresh-interval 30000
    proxy-dial-timeout 1000
    proxy-write-timeout 5000
    proxy-read-timeout 0
    experimental-initial-corrupt-check false
    experimental-corrupt-check-time 0s
    experimental-enable-v2v3
    experimental-backend-bbolt-freelist-type array
    experimental-enable-lease-checkpoint false
    experimental-compaction-batch-limit 1000
    experimental-peer-skip-client-san-verification false
    experimental-watch-progress-notify-interval 10m
    experimental-warning-apply-duration 100ms
    force-new-cluster false
    debug false
    log-package-levels
    """.split(separator: "\n").map { line in
      let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
      return (parts[0], parts.count == 2 ? parts[1] : "")
    }

  @Test(.enabled(if: RealEtcd.program != nil)) func theListIsThatOfARealOne() async throws {
    let etcd = try #require(RealEtcd.program)
    let help = try await run(
      .path(.init(etcd)), arguments: ["--help"], output: .string(limit: 1 << 20),
      error: .combinedWithOutput)
    let names = help.standardOutput.matches(of: /(?m)^  --([a-z0-9-]+) ['\d]/).map {
      String($0.1)
    }
    #expect(names.sorted() == Self.all.map(\.name).sorted())
  }

  /// As `--flag=value` and as two words; a switch also alone.
  @Test(arguments: all.map(\.name)) func kvstoreStartsWithEach(name: String) async throws {
    let value = try #require(Self.all.first { $0.name == name }).value
    let isSwitch = ["true", "false"].contains(value)
    let forms =
      isSwitch ? [["--\(name)=\(value)"]] : [["--\(name)=\(value)"], ["--\(name)", value]]
    for form in forms {
      try await withTemporaryDirectory { directory in
        let address =
          name == "listen-client-urls" ? [] : ["--listen-client-urls", "http://127.0.0.1:0"]
        // The last of two counts: the data are this test's.
        let arguments = form + address + ["--data-dir", directory + "/data"]
        try await RealProgram.run(in: directory, arguments) { program in
          let health = try await TestClient(base: program.urls[0]).send(.GET, "/health")
          #expect(health.status == 200)
        }
      }
    }
  }

  @Test func kvstoreStartsWithAllVariables() async throws {
    try await withTemporaryDirectory { directory in
      var environment: [Environment.Key: String] = [:]
      for (name, value) in Self.all where name != "data-dir" {
        let variable = "ETCD_" + name.uppercased().replacing("-", with: "_")
        environment[Environment.Key(stringLiteral: variable)] = value
      }
      try await RealProgram.run(in: directory, [], environment: environment) { program in
        #expect(!program.log.contains("Unrecognized"), "\(program.log)")
        #expect(program.log.contains("ETCD_SNAPSHOT_COUNT: snapshot-count is ignored"))
      }
    }
  }

  /// In the form of the sample that etcd has, with lists and with keys that have no value.
  @Test func kvstoreStartsWithAFile() async throws {
    try await withTemporaryDirectory { directory in
      var lines: [String] = []
      for (name, value) in Self.all where name != "data-dir" {
        switch name {
        case "cert-file", "key-file", "trusted-ca-file", "client-cert-auth", "auto-tls": break
        case _ where name.hasPrefix("peer-"): break
        case "log-outputs": lines.append("log-outputs: [stderr, stdout]")
        case _ where value.isEmpty: lines.append("\(name):")
        default: lines.append("\(name): '\(value)'")
        }
      }
      for section in ["client", "peer"] {
        lines += [
          "\(section)-transport-security:", "  cert-file:", "  key-file:", "  trusted-ca-file:",
          "  client-cert-auth: false", "  auto-tls: false",
        ]
      }
      let file = directory + "/etcd.conf.yml"
      try Data(lines.joined(separator: "\n").utf8).write(to: URL(filePath: file))
      try await RealProgram.run(in: directory, ["--config-file", file]) { program in
        #expect(program.log.contains("log-outputs is ignored"), "\(program.log)")
      }
    }
  }

  /// To ignore it would be less than what was asked for.
  @Test(arguments: [
    ("auto-tls", "true"), ("auth-token", "jwt,pub-key=a"), ("auth-token-ttl", "30"),
    ("bcrypt-cost", "14"), ("cipher-suites", "TLS_RSA_WITH_AES_128_CBC_SHA"),
    ("client-cert-allowed-hostname", "a"), ("client-crl-file", "a"),
    ("experimental-enable-v2v3", "/v2"), ("proxy", "on"),
  ])
  func whatAsksForMoreIsAnErrorWithItsReason(name: String, value: String) async throws {
    let variable = "ETCD_" + name.uppercased().replacing("-", with: "_")
    let places: [(arguments: [String], environment: [Environment.Key: String], place: String)] = [
      (["--\(name)=\(value)"], [:], "--\(name)"), (["--\(name)", value], [:], "--\(name)"),
      ([], [Environment.Key(stringLiteral: variable): value], variable),
    ]
    for place in places where value != "true" || place.arguments.count < 2 {
      let record = try await run(
        RealProgram.built.executable, arguments: Arguments(place.arguments),
        environment: .inherit.updating(place.environment), input: .none, output: .discarded,
        error: .string(limit: 1 << 16))
      #expect(!record.terminationStatus.isSuccess)
      #expect(record.standardError.contains(place.place))
      #expect(record.standardError.contains("cannot be \"\(value)\": "), "\(record.standardError)")
    }
  }
}
