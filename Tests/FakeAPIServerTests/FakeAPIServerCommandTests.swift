import Foundation
import HTTPEndpoint
import KVStore
import KubernetesClient
import Subprocess
import TestSupport
import Testing

/// The `fake-apiserver` program: its flags and ports.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct FakeAPIServerCommandTests {
  private static let program = BuiltProgram("fake-apiserver")

  /// As in the recipe's init script, except for the port.
  @Test func theRecipesFlagsAreTaken() async throws {
    try await withServers { _, client in
      let result = try await Subprocess.run(
        Self.program.executable,
        arguments: [
          "--service-cluster-ip-range=10.244.0.0/16", "--insecure-port=-1", "--secure-port=6443",
          "--address=127.0.0.1", "--etcd_servers=\(client.endpoints[0].url)",
          "--cluster_name=kubernetes", "--v=0", "--logtostderr=true",
        ], input: .none, output: .sequence, error: .string(limit: 1 << 20)
      ) { execution in
        for try await line in execution.standardOutput.strings() {
          let url = line.trimmingCharacters(in: .newlines)
            .dropFirst("fake-apiserver: insecure port ".count)
          let health = try await Caller(url: String(url)).call("GET", "/healthz")
          try execution.send(signal: .terminate)
          return health.body
        }
        return "nothing"
      }
      #expect(result.closureResult == "ok")
      #expect(result.terminationStatus == .exited(0))
      #expect(
        result.standardError.contains(#"flags="--service-cluster-ip-range,--cluster-name""#))
    }
  }

  @Test(arguments: [
    ([], "--etcd-servers"),
    (["--etcd-servers=http://x:y"], "--etcd-servers"),
    (["--insecure-port=70000"], "--insecure-port: 70000 is no port"),
    (["--secure-port=-2"], "--secure-port: -2 is no port"),
    (["--tls-cert-file=/c"], "--tls-cert-file and --tls-private-key-file need each other"),
    (["--client-ca-file=/c"], "--client-ca-file needs --tls-cert-file"),
    (["--etcd-prefix=registry"], "--etcd-prefix: \"registry\""),
    (["--event-ttl=0s"], "--event-ttl must be at least 1s"),
    (["--node-monitor-grace-period=1ms"], "--node-monitor-grace-period must be at least 1s"),
    (["--kubelet-url=m1"], "--kubelet-url: \"m1\""),
    (["--logtostderr=false"], "--logtostderr=false is not supported"),
  ])
  func badFlagsAreNamed(flags: [String], reason: String) async throws {
    let isComplete = flags.contains { $0.hasPrefix("--etcd-servers") } || flags.isEmpty
    let store = isComplete ? [] : ["--etcd-servers=\(HTTPEndpoint.refusing.url)"]
    let (status, _, errors) = try await Self.program.run(store + flags)
    #expect(status == .exited(64))
    #expect(errors.contains(reason), "\(errors)")
  }

  @Test func whatItCannotHaveIsNamed() async throws {
    let store = "--etcd-servers=\(HTTPEndpoint.refusing.url)"
    // A port that is bound without a listener.
    let port = HTTPEndpoint.refusingPort
    let taken = try await Self.program.run([store, "--insecure-port=\(port)"])
    #expect(taken.status == .exited(1))
    #expect(taken.errors.contains("--insecure-port: cannot listen on 127.0.0.1:\(port)"))
    let missing = try await Self.program.run([
      store, "--insecure-port=-1", "--tls-cert-file=/nowhere", "--tls-private-key-file=/nowhere",
    ])
    #expect(missing.status == .exited(1))
    #expect(missing.errors.contains("--tls-cert-file: /nowhere"))
  }

  @Test(.enabled(if: TestAuthority.program != nil, "there is no openssl"))
  func theSecurePortAsksForACertificate() async throws {
    try await TemporaryFiles.with { files in
      let certificates = try Certificates(in: files)
      try await withServers { _, client in
        let result = try await Subprocess.run(
          Self.program.executable,
          arguments: [
            "--etcd-servers=\(client.endpoints[0].url)", "--insecure-port=0", "--secure-port=-1",
            "--tls-cert-file=\(certificates.certificate("server"))",
            "--tls-private-key-file=\(certificates.key("server"))",
            "--client-ca-file=\(certificates.certificate("ca"))",
          ], input: .none, output: .sequence, error: .discarded
        ) { execution in
          defer { try? execution.send(signal: .terminate) }
          for try await line in execution.standardOutput.strings() {
            let url = line.trimmingCharacters(in: .newlines)
              .dropFirst("fake-apiserver: secure port ".count)
            for (name, isGood) in [("client", true), ("other-client", false), (nil, false)] {
              let tls = try ClientTLS(
                .init(
                  caFile: certificates.certificate("ca"),
                  certFile: name.map(certificates.certificate),
                  keyFile: name.map(certificates.key)))
              let server = APIServer(url: String(url), tls: tls)
              let answer = try? await server.send(
                APIRequest("GET", "/version"), within: .seconds(60))
              #expect((answer != nil) == isGood, "\(name ?? "nobody")")
            }
            return true
          }
          return false
        }
        #expect(result.closureResult)
        #expect(result.terminationStatus == .exited(0))
      }
    }
  }
}
