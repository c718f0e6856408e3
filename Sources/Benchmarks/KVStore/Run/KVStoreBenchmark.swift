import ArgumentParser
import CommandLine
import FoundationEssentials
import TestCluster

/// kvstore, etcd and a bare HTTP server beside each other: loads go to one after the other.
package struct KVStoreBenchmark: Benchmark {
  package static let configuration = CommandConfiguration(
    commandName: "kvstore",
    abstract: "Measure kvstore beside a real etcd.",
    discussion: """
      kvstore, etcd and a bare HTTP server run at the same time and get each load in turn. The table \
      has the ratios of their medians. With all loads at full size it is also written to kvstore.md, and \
      as a plot to kvstore.svg.

      Needs etcd (3.4 or 3.5, which have the v2 API) and wrk in PATH. All loads take about half an hour, \
      in which nothing else should run on the machine.

      Loads: \(Load.all(.full).map(\.name).joined(separator: ", "))

      Example:  zweimaster-bench kvstore --only get-64,put-64 --rounds 3
      """)

  @Option(help: "How often each server gets each load.")
  var rounds = 5

  @Option(help: "How long a load lasts, in seconds.")
  var seconds = 3

  @Option(help: ArgumentHelp("Only these loads, separated by commas.", valueName: "names"))
  var only: String?

  @Flag(help: "One short round on small sizes, to check that everything works.")
  var quick = false

  @Option(
    help: ArgumentHelp(
      "Where kvstore.md and kvstore.svg go. (default: docs/measured, with all loads at full size)",
      valueName: "dir"))
  var outputDir: String?

  @Option(
    help: ArgumentHelp(
      "Where the servers keep their data meanwhile. (default: beside this program)",
      valueName: "dir"))
  var workDir: String?

  @Option(
    help: ArgumentHelp("The kvstore to measure. (default: beside this program)", valueName: "file"))
  var kvstore: String?

  @Option(help: ArgumentHelp("The revision of this kvstore, for the report.", valueName: "text"))
  var revision = "of this checkout"

  package init() {}

  package func validate() throws {
    try requirePositive(["rounds": self.rounds, "seconds": self.seconds])
    let known = Load.all(self.sizes).map(\.name)
    for name in self.names where !known.contains(name) {
      throw ValidationError(
        "--only: there is no load '\(name)': use some of \(known.joined(separator: ", "))")
    }
  }

  private var sizes: Sizes { self.quick ? .quick : .full }

  private var names: [String] { self.only?.split(separator: ",").map(String.init) ?? [] }

  package func run() async throws {
    let page = try await self.play()
    let isWhole = !self.quick && self.only == nil
    guard let directory = self.outputDir ?? (isWhole ? "docs/measured" : nil) else { return }
    try page.write(to: directory)
    BenchmarkProgress().note("wrote \(directory)/kvstore.md and \(directory)/kvstore.svg")
  }

  private var loads: [Load] {
    Load.all(self.sizes).filter { self.only == nil || self.names.contains($0.name) }
  }

  package var task: LongTask {
    let rounds = self.quick ? 1 : self.rounds
    return LongTask("rounds of loads", of: KVStoreBenchmarkRun.parts(self.loads) * rounds)
  }

  /// - Throws: ``BenchmarkError``.
  package func measure(_ progress: BenchmarkProgress) async throws -> KVStorePage {
    let started = Date.now
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let beside = URL(filePath: own).deletingLastPathComponent().path
    let programs = try await Programs(kvstore: self.kvstore ?? "\(beside)/kvstore", own: own)
    let parent = self.workDir ?? beside
    let directory = "\(parent)/zweimaster-bench-\(UUID().uuidString)"
    let run = KVStoreBenchmarkRun(
      programs: programs,
      loads: self.loads, sizes: self.sizes, rounds: self.quick ? 1 : self.rounds,
      seconds: self.quick ? 1 : self.seconds, directory: directory, progress: progress)
    let samples = try await WorkDirectory.with(directory) { try await run.measure() }
    return KVStorePage(
      date: started.formatted(.iso8601), machine: .current(directory: parent),
      versions: [("kvstore", self.revision)] + (try await programs.versions()),
      command: Self.command, rounds: run.rounds, seconds: run.seconds, isQuick: self.quick,
      openLoopRate: samples[KVStoreBenchmarkRun.openLoopRate].first,
      rows: run.loads.flatMap(\.comparisons).compactMap { ComparisonRow($0, samples) })
  }

  package func report(_ page: KVStorePage) -> BenchmarkReport {
    BenchmarkReport(
      tables: [ComparisonRow.table(page.rows)], notes: ComparisonRow.summary(page.rows))
  }

  /// The command line, without the program's directory.
  private static var command: String {
    let arguments = Swift.CommandLine.arguments.dropFirst()
    return (["zweimaster-bench"] + arguments.map { $0.contains(" ") ? "'\($0)'" : $0 })
      .joined(separator: " ")
  }
}
