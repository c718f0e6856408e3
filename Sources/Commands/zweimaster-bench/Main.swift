import ArgumentParser
import CommandLine
import Benchmarks
import Foundation
import UnixSignals

@main struct Main: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zweimaster-bench",
    abstract: "Measure how fast the programs are and what they need of a machine.",
    discussion: """
      Each benchmark starts the programs that it measures from its own directory, and prints its tables in \
      Markdown. docs/measured has the figures. Nothing else should run on the machine meanwhile.

      Example:  zweimaster-bench failover --rounds 10
      """,
    version: Version.line(of: "zweimaster-bench"),
    subcommands: [
      KVStore.self, Failover.self, Elections.self, Kubelet.self, API.self, Start.self, Bare.self,
    ])
}

/// Where the programs that are measured keep their files.
struct StateOptions: ParsableArguments {
  @Option(
    name: .customLong("state-dir"),
    help: "The directory for everything that the measured programs write.")
  var directory = ".zweimaster"
}

extension Benchmark {
  /// Measures, prints the tables, and exits 1 on a broken rule or an error, 130 on ctrl-C or SIGTERM.
  @discardableResult
  func play() async throws -> Figures {
    let figures: Figures
    do {
      figures = try await untilSignal { try await self.measure(note) }
    } catch is CancellationError {
      note("interrupted; all processes have ended")
      throw ExitCode(130)
    } catch let error as BenchmarkError {
      note("\(error)")
      throw ExitCode.failure
    }
    let report = self.report(figures)
    print(report.text)
    if !report.problems.isEmpty { throw ExitCode.failure }
    return figures
  }
}

/// Prints a line of progress.
@Sendable func note(_ text: String) {
  FileHandle.standardError.write(Data("zweimaster-bench: \(text)\n".utf8))
}

/// Demands that each number is at least 1.
func requirePositive(_ flags: KeyValuePairs<String, Int>) throws {
  for (flag, value) in flags where value < 1 {
    throw ValidationError("--\(flag) must be at least 1, not \(value)")
  }
}

/// Runs the body; ctrl-C or SIGTERM cancels it and awaits its end.
/// - Throws: what the body throws, or `CancellationError` after a signal.
private func untilSignal<Result: Sendable>(
  _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
  let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
  return try await withThrowingTaskGroup(of: Result.self) { group in
    group.addTask {
      for await _ in signals { break }
      throw CancellationError()
    }
    group.addTask(operation: body)
    defer { group.cancelAll() }
    guard let result = try await group.next() else { throw CancellationError() }
    return result
  }
}
