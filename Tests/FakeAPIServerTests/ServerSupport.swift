import Foundation
import Subprocess
import TestSupport
import Testing

/// Runs servers as programs.
enum Programs {
  /// Runs a program until the body returns, then ends it by SIGTERM and waits for its end.
  /// - Parameter body: gets the first URL of an accepted line of the output.
  static func run(
    _ name: String, _ arguments: [String],
    accepting accepted: @Sendable (String) -> Bool = { _ in true },
    _ body: @escaping @Sendable (_ url: String) async throws -> Void
  ) async throws {
    let status = try await self.run(
      name, arguments, accepting: accepted,
      killable: { url, _ in
        try await body(url)
      })
    #expect(status == .exited(0), "\(name)")
  }

  /// The same for a program that the body may kill.
  /// - Returns: how it ended.
  static func run(
    _ name: String, _ arguments: [String],
    accepting accepted: @Sendable (String) -> Bool = { _ in true },
    killable body:
      @escaping @Sendable (_ url: String, _ kill: @escaping @Sendable () -> Void) async throws
      -> Void
  ) async throws -> TerminationStatus {
    return try await Subprocess.run(
      BuiltProgram(name).executable, arguments: Arguments(arguments), input: .none,
      output: .sequence, error: .discarded
    ) { execution in
      defer { try? execution.send(signal: .terminate) }
      let process = execution.processIdentifier.value
      for try await line in execution.standardOutput.strings() where accepted(line) {
        if let url = line.firstMatch(of: /http:\/\/127\.0\.0\.1:\d+/)?.0 {
          return try await body(String(url)) { kill(process, SIGKILL) }
        }
      }
      throw TestFailure("\(name) has ended")
    }.terminationStatus
  }
}

/// Runs the body with a store, an API server and a kubectl without any other configuration.
func withServer(_ body: @escaping @Sendable (Caller, Kubectl) async throws -> Void) async throws {
  try await TemporaryFiles.with { files in
    try await Programs.run(
      "kvstore", ["--data-dir", files.path("data"), "--listen-client-urls", "http://127.0.0.1:0"]
    ) { store in
      try await Programs.run(
        "fake-apiserver",
        ["--etcd-servers=\(store)", "--insecure-port=-1", "--allow-local-kubelets"]
      ) { url in
        try await body(Caller(url: url), try Kubectl(server: url, files: files))
      }
    }
  }
}

/// The same with the recipe's cluster in it.
func withRecipe(_ body: @escaping @Sendable (Caller, Kubectl) async throws -> Void) async throws {
  try await withServer { server, kubectl in
    try await kubectl.ready("kube-system")
    let objects = "namespaces/kube-system"
    for pod in Recipe.pods { try await server.post("\(objects)/pods", pod) }
    try await server.post("nodes", Recipe.node("kube-master1"))
    try await server.post("\(objects)/events", Recipe.event)
    try await server.post("\(objects)/replicationcontrollers", Recipe.controller)
    try await server.post("apis/coordination.k8s.io/v1/\(objects)/leases", Recipe.lease)
    try await body(server, kubectl)
  }
}

extension Kubectl {
  /// Creates a namespace unless it exists.
  func ready(_ namespace: String) async throws {
    let answer = try await self("create namespace \(namespace)")
    if answer.code != 0 { #expect(answer.errors.contains("(AlreadyExists)")) }
  }
}
