import Foundation
import HTTPEndpoint
import Subprocess
import TestSupport
import Testing

/// The `fake-kubelet` program.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct FakeKubeletCommandTests {
  private static let program = BuiltProgram("fake-kubelet")

  @Test func theRecipesFlagsAreTakenAndSIGTERMEndsItWithZero() async throws {
    try await withDirectory { directory in
      let errors = directory.appending(path: "log")
      // No API server listens; the pod runs all the same.
      let apiServer = HTTPEndpoint.refusing.url.dropFirst("http://".count)
      let manifests = directory.appending(path: "manifests")
      try FileManager.default.createDirectory(at: manifests, withIntermediateDirectories: true)
      let seed = try Fixtures.directory("seed/podmaster.yaml")
      try FileManager.default.copyItem(at: seed, to: manifests.appending(path: "podmaster.yaml"))
      try Data().write(to: errors)
      let log = try FileHandle(forWritingTo: errors)
      defer { try? log.close() }
      let result = try await Subprocess.run(
        Self.program.executable,
        arguments: [
          "--logtostderr=true", "--v=0", "--allow_privileged=false", "--address=127.0.0.1",
          "--hostname_override=Kube-Master1", "--api_servers=\(apiServer)",
          "--register-node=false", "--allow-privileged=true", "--config", manifests.path,
          "--read-only-port=0", "--port=0",
        ],
        input: .none, output: .sequence,
        error: .fileDescriptor(
          .init(rawValue: log.fileDescriptor), closeAfterSpawningProcess: false)
      ) { execution in
        var lines: [String] = []
        for try await line in execution.standardOutput.strings() {
          lines.append(line.trimmingCharacters(in: .newlines))
          if lines.count == 2 { break }
        }
        try await eventually("the pod runs") {
          try String(contentsOf: errors, encoding: .utf8).contains(
            #"pod="kube-system/podmaster-kube-master1""#)
        }
        try execution.send(signal: .terminate)
        return lines
      }
      #expect(result.terminationStatus == .exited(0))
      let form = #/http://127\.0\.0\.1:[1-9][0-9]*/#
      for (line, start) in zip(result.closureResult, ["read-only port ", "port "]) {
        let prefix = "fake-kubelet: \(start)"
        #expect(line.hasPrefix(prefix))
        #expect(line.dropFirst(prefix.count).wholeMatch(of: form) != nil, "\(line)")
      }
      let text = try String(contentsOf: errors, encoding: .utf8)
      #expect(text.contains(#"apiServers="\#(apiServer)" registerNode="false""#))
      #expect(text.contains("No API server answers; pods are not concerned"))
      #expect(text.split(separator: "\n").allSatisfy { $0.contains(#/^[IWE]\d{4} \d\d:\d\d:/#) })
    }
  }

  @Test func aBusyPortIsNamedAndEndsItWithOne() async throws {
    try await withDirectory { directory in
      let port = HTTPEndpoint.refusingPort
      let (status, output, errors) = try await Self.program.run([
        "--config=\(directory.path)", "--hostname-override=a", "--port=0",
        "--read-only-port=\(port)",
      ])
      #expect(status == .exited(1))
      #expect(output.isEmpty)
      #expect(
        errors.contains("cannot listen on 127.0.0.1:\(port) (--address, --read-only-port)"))
      #expect(errors.contains("Address already in use"))
    }
  }

  @Test(arguments: [
    (["--config=/m", "--logtostderr=false"], "--logtostderr=false is not supported"),
    (["--config=/m", "--hostname-override=a_b"], "--hostname-override: \"a_b\""),
    (
      ["--config=/m", "--file-check-frequency=0s"], "--file-check-frequency must be more than zero"
    ),
    (["--config=/m", "--file-check-frequency=20"], "--file-check-frequency"),
    (["--config=/m", "--port=70000"], "--port: 70000 is no port"),
    (["--config=/m", "--register-node=maybe"], "--register-node"),
    (["--config=/m", "--api-servers=,"], "--api-servers must name an API server"),
    (["--config=/m", "--api-servers=a:1,ftp://b:2"], "--api-servers: \"ftp://b:2\" is no API"),
    (["--config=/m", "--node-status-update-frequency=0s"], "--node-status-update-frequency"),
    (["--config=/m", "--api-servers=a:1", "--node-labels=a"], "--node-labels: \"a\""),
    (["--config=/m", "--node-labels=a=b"], "--node-labels needs --api-servers"),
    (["--config=/m", "--apiserver-certfile=c"], "need each other"),
    (["--hostname-override=a"], "--config"),
  ])
  func badFlagsAreNamed(arguments: [String], reason: String) async throws {
    let (status, output, errors) = try await Self.program.run(arguments)
    #expect(status == .exited(64))
    #expect(output.isEmpty)
    #expect(errors.contains(reason), "\(errors)")
  }

  @Test func helpHasAnExample() async throws {
    let (status, output, _) = try await Self.program.run(["--help"])
    #expect(status == .exited(0))
    #expect(output.contains("fake-kubelet --config=/etc/kubernetes/manifests"))
  }
}
