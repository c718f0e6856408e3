import ArgumentParser
import Benchmarks
import Foundation
import Synchronization
import UnixSignals

struct KVStore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kvstore",
    abstract: "Measure kvstore beside a real etcd.",
    discussion: """
      kvstore, etcd and a bare HTTP server run at the same time and get each load in turn. The table \
      has the ratios of their medians; with all loads at their full sizes it is also written to \
      benchmarks.md, and as a plot to benchmarks.svg.

      Needs etcd (with the v2 API, 3.4 or 3.5) and wrk in PATH. All of it takes about twenty minutes, \
      in which nothing else should run on the machine.

      Loads: \(Load.all(.full).map(\.name).joined(separator: ", "))

      Example:  zweimaster-bench kvstore --only get-64,put-64 --rounds 3
      """)

  @Option(help: "How often each load is given to each server.")
  var rounds = 5

  @Option(help: "How long a load lasts, in seconds.")
  var seconds = 3

  @Option(help: ArgumentHelp("Only these loads, separated by commas.", valueName: "names"))
  var only: String?

  @Flag(help: "One short round on small sizes, to see that everything works.")
  var quick = false

  @Option(
    help: ArgumentHelp(
      "Where benchmarks.md and benchmarks.svg go (default: docs, with all loads at full size).",
      valueName: "dir"))
  var outputDir: String?

  @Option(
    help: ArgumentHelp(
      "Where the servers keep their data meanwhile (default: beside this program).",
      valueName: "dir"))
  var workDir: String?

  @Option(
    help: ArgumentHelp("The kvstore to measure (default: beside this program).", valueName: "file"))
  var kvstore: String?

  @Option(help: ArgumentHelp("What the report calls this kvstore.", valueName: "text"))
  var revision = "of this checkout"

  func validate() throws {
    guard self.rounds > 0 else {
      throw ValidationError("--rounds is \(self.rounds): use 1 or more")
    }
    guard self.seconds > 0 else {
      throw ValidationError("--seconds is \(self.seconds): use 1 or more")
    }
  }

  func run() async throws {
    do {
      try await untilSignal { try await self.measure() }
    } catch is CancellationError {
      Self.note("interrupted; all servers have ended")
      throw ExitCode(130)
    } catch let error as BenchmarkError {
      Self.note("\(error)")
      throw ExitCode.failure
    }
  }

  private func measure() async throws {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let beside = URL(filePath: own).deletingLastPathComponent().path
    let programs = try await Programs(kvstore: self.kvstore ?? "\(beside)/kvstore", own: own)
    let sizes = self.quick ? Sizes.quick : .full
    let loads = try self.selected(Load.all(sizes))
    let rounds = self.quick ? 1 : self.rounds
    let seconds = self.quick ? 1 : self.seconds
    let workDir = self.workDir ?? beside
    let started = Date.now
    let samples = try await Benchmark.run(
      loads, sizes: sizes, rounds: rounds, seconds: seconds, programs: programs, in: workDir,
      report: Self.note)
    let setting = Report.Setting(
      date: started.formatted(.iso8601), machine: .current(directory: workDir),
      versions: [.init("kvstore", self.revision)] + (try await programs.versions()),
      command: Self.command, rounds: rounds, seconds: seconds, isQuick: self.quick)
    let report = Report(
      setting: setting,
      rows: loads.flatMap { $0.comparisons }.compactMap { Row($0, samples) })
    print("\(report.table)\n\n\(report.summary)")
    let isWhole = !self.quick && self.only == nil
    if let directory = self.outputDir ?? (isWhole ? "docs" : nil) {
      try Self.write(report, to: directory)
    }
  }

  private func selected(_ loads: [Load]) throws(BenchmarkError) -> [Load] {
    guard let only else { return loads }
    let names = only.split(separator: ",").map(String.init)
    for name in names where !loads.contains(where: { $0.name == name }) {
      throw .noSuchLoad(name, known: loads.map(\.name))
    }
    return loads.filter { names.contains($0.name) }
  }

  private static func write(_ report: Report, to directory: String) throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    let plot = "benchmarks.svg"
    try Plot(report).svg.write(
      toFile: "\(directory)/\(plot)", atomically: true, encoding: .utf8)
    try report.markdown(plot: plot).write(
      toFile: "\(directory)/benchmarks.md", atomically: true, encoding: .utf8)
    Self.note("wrote \(directory)/benchmarks.md and \(directory)/\(plot)")
  }

  /// As it was called, without the directory of the program.
  private static var command: String {
    let arguments = CommandLine.arguments.dropFirst().map { $0.contains(" ") ? "'\($0)'" : $0 }
    return (["kvbench"] + arguments).joined(separator: " ")
  }

  @Sendable private static func note(_ text: String) {
    FileHandle.standardError.write(Data("kvbench: \(text)\n".utf8))
  }
}

/// Runs the body; ctrl-C or SIGTERM cancel it, and it is waited for.
/// - Throws: what the body throws, or `CancellationError` after a signal.
private func untilSignal(_ body: @escaping @Sendable () async throws -> Void) async throws {
  let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
  try await withThrowingTaskGroup { group in
    group.addTask {
      for await _ in signals { throw CancellationError() }
    }
    group.addTask(operation: body)
    defer { group.cancelAll() }
    try await group.next()
  }
}
