import FaultCampaigns
import Foundation
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// The page of guarantees against what the programs do: its numbers are those that an elector logs, and what it
/// excepts is what the failure table excepts.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct GuaranteeTests {
  /// A page with its line breaks as blanks.
  private static func text(_ path: String) throws -> String {
    try Project.text(path).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  private static let guarantees = "docs/operate/guarantees.md"

  @Test(arguments: FailureRow.all.filter { $0.exception != nil }.map(\.name))
  func whatTheFailureTableExceptsIsSaidInTheSameWords(_ name: String) throws {
    let row = try #require(FailureRow.all.first { $0.name == name })
    let page = try Self.text(Self.guarantees)
    let exceptions = try #require(page.split(separator: "## What is not guaranteed").last)
    #expect(exceptions.contains("- **\(try #require(row.exception))**"))
  }

  /// What an elector with default timing logs at its start.
  private struct StartLine {
    let message: String
    /// The longest takeover, that of a settled pod, and the time until a pod is one, in seconds.
    let (longest, settled, youth): (String, String, String)
    let values: [String: String]

    init(_ log: String) throws {
      let line = try #require(
        log.split(separator: "\n").first { $0.contains("takes over within") }, "\(log)")
      let all = try #require(
        line.firstMatch(
          of: /(after a crash .+? within ([\d.]+)s \(([\d.]+)s once .+? for ([\d.]+)s\); [\w ]+)/))
      self.message = String(all.1)
      (self.longest, self.settled, self.youth) = (String(all.2), String(all.3), String(all.4))
      self.values = Dictionary(
        uniqueKeysWithValues: line.matches(of: /(\w+)="([^"]*)"/).map {
          (String($0.1), String($0.2))
        })
    }

    /// A duration without its unit.
    func seconds(_ name: String) throws -> String {
      let value = try #require(self.values[name], "no \(name) in \(self.values)")
      #expect(value.hasSuffix("s") && !value.hasSuffix("ms"))
      return String(value.dropLast())
    }
  }

  /// Runs a program with its standard error in a file while the body runs.
  private func running(
    _ program: String, _ arguments: [String], log: String,
    _ body: @escaping @Sendable () async throws -> Void
  ) async throws {
    let file = try FileDescriptor.open(
      FilePath(log), .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
    _ = try await Subprocess.run(
      BuiltProgram(program).executable, arguments: Arguments(arguments), input: .none,
      output: .discarded, error: .fileDescriptor(file, closeAfterSpawningProcess: true)
    ) { execution in
      let result: Result<Void, any Error>
      do { result = .success(try await body()) } catch { result = .failure(error) }
      try execution.send(signal: .terminate)
      try result.get()
    }
  }

  /// An elector that knows nothing but what it has to be told, beside a kvstore.
  private func startLine() async throws -> StartLine {
    try await TemporaryFiles.with { (files: TemporaryFiles) async throws -> StartLine in
      let url = "http://127.0.0.1:\(try FreePort.some(1)[0])"
      try files.write(
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: s}
        spec: {containers: [{name: s, image: "s:1"}]}

        """, to: "s.yaml")
      let log = files.path("elector.log")
      @Sendable func text() -> String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
      try await self.running(
        "kvstore", ["--listen-client-urls=\(url)", "--data-dir=\(files.path("data"))"],
        log: files.path("kvstore.log")
      ) {
        try await self.running(
          "elector",
          [
            "--etcd-servers=\(url)", "--key=s", "--source-file=\(files.path("s.yaml"))",
            "--dest-file=\(files.path("d.yaml"))", "--control-socket=off",
          ], log: log
        ) {
          try await eventually("it says how long a takeover takes") {
            text().contains("takes over within")
          }
        }
      }
      return try StartLine(text())
    }
  }

  @Test func theNumbersAreThoseThatAnElectorLogsAtItsStart() async throws {
    let line = try await self.startLine()
    let page = try Self.text(Self.guarantees)
    let detection = try line.seconds("kubelet_detection")
    let young = try line.seconds("kubelet_young_detection")
    for promise in [
      "By default TTL and lock-delay are \(line.longest) s, and \(line.settled) s once the pod's containers have run "
        + "unchanged for \(line.youth) s",
      "within `--kubelet-detection` (\(detection) s; `--kubelet-young-detection`, \(young) s, until the pod's "
        + "containers have run unchanged for \(line.youth) s)",
    ] {
      #expect(page.contains(promise), "\(Self.guarantees) does not say: \(promise)")
    }
    // The sum is made of what the line says.
    let sum = try #require(Double(line.longest))
    let parts = try ["ttl", "lock_delay"].map { try #require(Double(try line.seconds($0))) }
    #expect(abs(sum - parts.reduce(0, +)) < 0.002)
    #expect(try Project.text("docs/operate/take-over.md").contains(line.message))
  }
}
