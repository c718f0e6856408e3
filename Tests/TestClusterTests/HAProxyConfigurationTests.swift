import Foundation
import Subprocess
import TestSupport
import Testing

@testable import TestCluster

@Suite struct HAProxyConfigurationTests {
  private static let servers: [HAProxyConfiguration.Server] = [
    .init(name: "kube-master1", address: "10.0.0.11:8080"),
    .init(name: "kube-master2", address: "10.0.0.12:8080"),
  ]

  @Test func theOperatorsFileIsWhatAClusterHas() throws {
    let text = try Project.text("deploy/haproxy.cfg")
    let head = text.split(separator: "\n", omittingEmptySubsequences: false)
      .prefix { $0.hasPrefix("#") || $0.isEmpty }.joined(separator: "\n")
    let expected = HAProxyConfiguration(
      binds: [.init(address: ":8080")], servers: Self.servers)
    #expect(text.dropFirst(head.count + 1) == expected.text)
  }

  @Test func anAddressOfAnotherNamespaceSaysSo() {
    let configuration = HAProxyConfiguration(
      binds: [
        .init(address: "127.0.0.1:8080", namespace: "box"), .init(address: "10.98.0.1:8080"),
      ],
      servers: Self.servers)
    #expect(
      configuration.text.contains(
        "\n  bind 127.0.0.1:8080 namespace box\n  bind 10.98.0.1:8080\n"))
  }

  @Test(
    .enabled(
      if: (try? Executables.haproxy()) != nil, "there is no haproxy ('make deps' installs it)"))
  func haproxyTakesIt() async throws {
    try await TemporaryFiles.with { files in
      let text = HAProxyConfiguration(
        binds: [.init(address: "127.0.0.1:8080")], servers: Self.servers
      ).text
      try files.write(text, to: "haproxy.cfg")
      let result = try await Subprocess.run(
        .path(.init(try Executables.haproxy())),
        arguments: ["-c", "-f", files.path("haproxy.cfg")],
        output: .discarded, error: .string(limit: 1 << 16))
      #expect(result.terminationStatus == .exited(0), "\(result.standardError)")
      #expect(!result.standardError.contains("WARNING"), "\(result.standardError)")
    }
  }
}
