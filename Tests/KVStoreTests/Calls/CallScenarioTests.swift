import Foundation
import Subprocess
import TestSupport
import Testing

@testable import KVStore

/// `make deps` installs it where it can.
private let hasPython = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
  .contains { FileManager.default.isExecutableFile(atPath: "\($0)/python3") }

/// What real etcds, 3.4.23 and 3.5.1, answered by gRPC and by the gateway; see README.md beside this.
///
/// The player is a program of its own, with HTTP/2, HPACK and protobuf of its own: it shares no line with the server.
@Suite(.enabled(if: hasPython), .takesTurns, .timeLimit(.minutes(10))) struct CallScenarioTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().path()

  /// Where kvstore differs, and why.
  private static let known: Set = [
    // Go's own page about its memory.
    "22-http/not-found",
    // The text of Go's JSON decoder, in two forms.
    "21-gateway/enum-as-number",
  ]

  @Test(arguments: ["--base", "--grpc"]) func theAnswersAreThoseOfARealOne(
    _ transport: String
  ) async throws {
    try await withTemporaryDirectory { directory in
      try await RealProgram.run(
        in: directory, ["--listen-client-urls", "http://127.0.0.1:0", "--cors", "*"]
      ) { program in
        let url = program.urls[0]
        let report = try await Self.play([
          transport, transport == "--base" ? url : String(url.dropFirst("http://".count)),
        ])
        let failed = report.matches(of: /(?m)^FAIL (\S+) \[/).map { String($0.1) }
        // Some answers have to come within a second or two: beside much other work, one may be played again.
        for scenario in failed where !Self.known.contains(scenario) {
          let name = scenario.split(separator: "/").last.map(String.init) ?? scenario
          let again = try await Self.play([
            transport, transport == "--base" ? url : String(url.dropFirst("http://".count)),
            "--only", name, "--jobs", "1",
          ])
          #expect(
            again.contains(/(?m)^[1-9]\d* passed, 0 failed/), "\(report.suffix(20_000))\(again)")
        }
        let count = report.firstMatch(of: /(?m)^(\d+) passed, \d+ failed/).flatMap { Int($0.1) }
        #expect(count ?? 0 > 350, "\(report.suffix(2_000))")
      }
    }
  }

  private static func play(_ arguments: [String]) async throws -> String {
    let record = try await Subprocess.run(
      .name("python3"),
      arguments: Arguments(
        [
          "\(self.folder)/replay.py", "--cases", "\(self.folder)/Cases", "--jobs", "6",
          "--any-text", "--timeout-scale", "3",
        ] + arguments),
      input: .none, output: .string(limit: 16 << 20), error: .string(limit: 1 << 20))
    return record.standardOutput + record.standardError
  }
}
