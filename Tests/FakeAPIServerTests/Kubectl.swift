import Foundation
import Subprocess
import TestSupport
import Testing

/// The real kubectl with one server: it reads no configuration of the user who
/// runs the tests, and its cache is removed.
struct Kubectl: Sendable {
  /// From the variable `ZWEIMASTER_TEST_KUBECTL`, or the first in `PATH` (`make deps` installs one).
  static let program: String? = {
    let environment = ProcessInfo.processInfo.environment
    if let chosen = environment["ZWEIMASTER_TEST_KUBECTL"] { return chosen }
    return (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/kubectl" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }()

  struct Answer: Equatable {
    var code: Int32
    var output: String
    var errors: String

    /// The lines of the output with its columns two blanks apart and every age as `AGE`.
    var lines: [String] { Kubectl.lines(of: self.output) }
  }

  private let server: String
  /// A directory for this test alone.
  let files: TemporaryFiles

  init(server: String, files: TemporaryFiles) throws {
    self.server = server
    self.files = files
    // Some versions print an error without it.
    try files.write("", to: "kubeconfig")
  }

  private var options: [String] {
    ["--server=\(self.server)", "--cache-dir=\(self.files.path("cache"))"]
  }

  private var environment: Environment {
    .inherit.updating([
      "KUBECONFIG": self.files.path("kubeconfig"), "HOME": self.files.path("home"),
    ])
  }

  /// Runs a command to its end: `get pod -A`. No argument may have a blank in it.
  func callAsFunction(_ command: String) async throws -> Answer {
    try await self.run(command.split(separator: " ").map(String.init))
  }

  func run(_ command: [String]) async throws -> Answer {
    let result = try await Subprocess.run(
      .path(.init(try #require(Self.program))),
      arguments: Arguments(command + self.options + ["--request-timeout=30s"]),
      environment: self.environment,
      output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    guard case .exited(let code) = result.terminationStatus else {
      throw TestFailure("kubectl \(command) ended with \(result.terminationStatus)")
    }
    return Answer(
      code: code, output: result.standardOutput, errors: result.standardError)
  }

  /// The output of a command that succeeds without a message on standard error.
  func output(_ command: String) async throws -> String {
    let answer = try await self(command)
    #expect(answer.code == 0, "kubectl \(command)")
    #expect(answer.errors.isEmpty, "kubectl \(command)")
    return answer.output
  }

  /// Expects the output of a command that succeeds.
  func check(
    _ command: String, prints output: String, at place: SourceLocation = #_sourceLocation
  ) async throws {
    #expect(
      try await self.output(command) == output, "kubectl \(command)", sourceLocation: place)
  }

  /// Expects the output's lines.
  func check(
    _ command: String, prints lines: [String], at place: SourceLocation = #_sourceLocation
  ) async throws {
    #expect(try await self.lines(command) == lines, "kubectl \(command)", sourceLocation: place)
  }

  /// The output's lines, with columns and ages as in ``Answer/lines``.
  func lines(_ command: String) async throws -> [String] {
    Self.lines(of: try await self.output(command))
  }

  /// Runs a command that does not end by itself, and ends it after the body.
  /// - Parameter body: can read the lines so far.
  func following(
    _ command: String,
    _ body: @escaping @Sendable (_ lines: @escaping @Sendable () -> [String]) async throws -> Void
  ) async throws {
    let path = self.files.path(UUID().uuidString)
    try Data().write(to: URL(filePath: path))
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    defer { try? file.close() }
    _ = try await Subprocess.run(
      .path(.init(try #require(Self.program))),
      arguments: Arguments(command.split(separator: " ").map(String.init) + self.options),
      environment: self.environment, input: .none,
      output: .fileDescriptor(
        .init(rawValue: file.fileDescriptor), closeAfterSpawningProcess: false),
      error: .discarded
    ) { execution in
      defer { try? execution.send(signal: .terminate) }
      try await body { Self.lines(of: (try? String(contentsOfFile: path, encoding: .utf8)) ?? "") }
    }
  }

  static func lines(of output: String) -> [String] {
    output.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      var line = String(line)
      line.replace(#/(?<before>^|[ (])(?:\d+[smhdy](?:\d+[smhd])?)(?=$|[ )])/#) {
        "\($0.before)AGE"
      }
      line.replace(#/ {2,}/#, with: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }.filter { !$0.isEmpty }
  }
}
