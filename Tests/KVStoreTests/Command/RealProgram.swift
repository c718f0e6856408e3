import Foundation
import Subprocess
import TestSupport
import Testing

/// The running `kvstore`.
struct RealProgram: Sendable {
  /// Those for clients, then those for metrics.
  let urls: [String]
  let process: pid_t
  private let logFile: String

  var log: String { (try? String(contentsOfFile: self.logFile, encoding: .utf8)) ?? "" }

  func signal(_ number: Int32) { kill(self.process, number) }

  static let built = BuiltProgram("kvstore")

  /// Runs it until the body is done, with its data and its log in a directory.
  static func run(
    in directory: String, _ arguments: [String], environment: [Environment.Key: String] = [:],
    shell: String = "true", urlCount: Int = 1,
    _ body: @escaping @Sendable (RealProgram) async throws -> Void
  ) async throws {
    try await self.run(
      on: directory + "/data", arguments, log: directory + "/stderr", environment: environment,
      shell: shell, urlCount: urlCount, body)
  }

  /// Runs it until the body is done, then ends it with a signal and waits for its end.
  /// - Parameter shell: commands before the shell becomes the program.
  static func run(
    on dataDirectory: String,
    _ arguments: [String] = ["--listen-client-urls", "http://127.0.0.1:0"],
    log: String = "/dev/null", environment: [Environment.Key: String] = [:],
    shell: String = "true", urlCount: Int = 1, endingWith signal: Int32 = SIGTERM,
    _ body: @escaping @Sendable (RealProgram) async throws -> Void
  ) async throws {
    let record = try await Subprocess.run(
      .path("/bin/bash"),
      arguments: Arguments(
        [
          "-c", "\(shell); exec \"$0\" \"$@\" 2>'\(log)'", self.built.path, "--data-dir",
          dataDirectory,
        ] + arguments),
      environment: .inherit.updating(environment), input: .none, output: .sequence,
      error: .discarded
    ) { execution in
      defer { kill(execution.processIdentifier.value, signal) }
      var urls: [String] = []
      for try await line in execution.standardOutput.strings() {
        if let url = line.firstMatch(of: /kvstore: .+ on (\w+:\/\/\S+)/)?.1 {
          urls.append(String(url))
        }
        if urls.count == urlCount { break }
      }
      let program = RealProgram(
        urls: urls, process: execution.processIdentifier.value, logFile: log)
      try #require(urls.count == urlCount, "\(program.log)")
      try await body(program)
    }
    if signal == SIGTERM { #expect(record.terminationStatus.isSuccess) }
  }
}
