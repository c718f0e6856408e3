import Foundation
import Subprocess
import Testing

/// The real program while a test looks at it.
struct RealProgram: Sendable {
  let urls: [String]
  let process: pid_t
  private let logFile: String

  /// What it has logged so far.
  var log: String { (try? String(contentsOfFile: self.logFile, encoding: .utf8)) ?? "" }

  func signal(_ number: Int32) { kill(self.process, number) }

  static let path = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(path: "kvstore").path

  /// Runs it until the body is done, then ends it by SIGTERM and waits for its end.
  /// - Parameters:
  ///   - directory: for its data and its log.
  ///   - shell: what a shell does before it becomes the program.
  static func run(
    in directory: String, _ arguments: [String], environment: [Environment.Key: String] = [:],
    shell: String = "true", urlCount: Int = 1,
    _ body: @escaping @Sendable (RealProgram) async throws -> Void
  ) async throws {
    let log = directory + "/stderr"
    let record = try await Subprocess.run(
      .path("/bin/bash"),
      arguments: Arguments(
        [
          "-c", "\(shell); exec \"$0\" \"$@\" 2>'\(log)'", self.path, "--data-dir",
          directory + "/data",
        ] + arguments),
      environment: .inherit.updating(environment), input: .none, output: .sequence,
      error: .discarded
    ) { execution in
      defer { kill(execution.processIdentifier.value, SIGTERM) }
      var urls: [String] = []
      for try await line in execution.standardOutput.strings() {
        if let url = line.firstMatch(of: /listening on (https?:\/\/\S+)/)?.1 {
          urls.append(String(url))
        }
        if urls.count == urlCount { break }
      }
      let program = RealProgram(
        urls: urls, process: execution.processIdentifier.value, logFile: log)
      try #require(urls.count == urlCount, "\(program.log)")
      try await body(program)
    }
    #expect(record.terminationStatus.isSuccess)
  }
}
