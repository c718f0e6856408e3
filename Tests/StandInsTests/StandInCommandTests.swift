import AsyncHTTPClient
import Foundation
import HTTPEndpoint
import Subprocess
import TestSupport
import Testing

/// The programs.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct StandInCommandTests {
  /// As in the recipe's manifests, without a server at the address.
  @Test(
    arguments: [
      ("kube-scheduler-stand-in", [], nil),
      (
        "kube-controller-manager-stand-in",
        ["--cluster-cidr=10.244.0.0/16", "--allocate-node-cidrs=true"],
        "--cluster-cidr,--allocate-node-cidrs"
      ),
    ] as [(String, [String], String?)])
  func theRecipesFlagsAreTaken(_ name: String, _ flags: [String], _ unused: String?) async throws {
    let master = HTTPEndpoint.refusing.url.dropFirst("http://".count)
    let result = try await Subprocess.run(
      BuiltProgram(name).executable,
      arguments: Arguments(["--master=\(master)", "--v=2", "--port=0"] + flags), input: .none,
      output: .sequence, error: .string(limit: 1 << 20)
    ) { execution in
      for try await line in execution.standardOutput.strings() {
        let url = line.trimmingCharacters(in: .newlines).dropFirst("\(name): ".count)
        let answer = try await HTTPClient.shared.execute(
          HTTPClientRequest(url: "\(url)/healthz"), timeout: .seconds(30))
        let body = try await answer.body.collect(upTo: 100)
        try execution.send(signal: .terminate)
        return "\(answer.status.code) \(String(buffer: body))"
      }
      return "nothing"
    }
    #expect(result.closureResult == "200 ok")
    #expect(result.terminationStatus == .exited(0))
    let errors = result.standardError
    #expect(errors.contains("without effect") == (unused != nil))
    if let unused { #expect(errors.contains(unused)) }
  }

  @Test(arguments: [
    ("kube-scheduler-stand-in", ["--port=0"], "--master"),
    ("kube-scheduler-stand-in", ["--master=x:y"], "--master: \"x:y\" is no API server"),
    ("kube-scheduler-stand-in", ["--master=a:1", "--port=70000"], "--port: 70000 is no port"),
    (
      "kube-controller-manager-stand-in", ["--master=a:1", "--pod-eviction-timeout=0s"],
      "--pod-eviction-timeout must be more than zero"
    ),
    (
      "kube-controller-manager-stand-in", ["--master=a:1", "--logtostderr=false"],
      "--logtostderr=false is not supported"
    ),
  ])
  func badFlagsAreNamed(_ name: String, _ flags: [String], _ reason: String) async throws {
    let (status, _, errors) = try await BuiltProgram(name).run(flags)
    #expect(status == .exited(64))
    #expect(errors.contains(reason), "\(errors)")
  }
}
