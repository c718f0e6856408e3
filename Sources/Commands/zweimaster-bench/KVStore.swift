import ArgumentParser
import Benchmarks
import Foundation

struct KVStore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kvstore",
    abstract: "Measure kvstore beside a real etcd.",
    discussion: """
      kvstore, etcd and a bare HTTP server run at the same time and get each load in turn. The table \
      has the ratios of their medians. With all loads at full size it is also written to kvstore.md, and \
      as a plot to kvstore.svg.

      Needs etcd (3.4 or 3.5, which have the v2 API) and wrk in PATH. All loads take about twenty minutes, \
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

  func validate() throws {
    guard self.rounds > 0 else {
      throw ValidationError("--rounds is \(self.rounds): use 1 or more")
    }
    guard self.seconds > 0 else {
      throw ValidationError("--seconds is \(self.seconds): use 1 or more")
    }
  }

  func run() async throws {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let beside = URL(filePath: own).deletingLastPathComponent().path
    do {
      let programs = try await Programs(kvstore: self.kvstore ?? "\(beside)/kvstore", own: own)
      try await self.measure(programs, workDir: self.workDir ?? beside)
    } catch let error as BenchmarkError {
      note("\(error)")
      throw ExitCode.failure
    }
  }

  private func measure(_ programs: Programs, workDir: String) async throws {
    let sizes = self.quick ? Sizes.quick : .full
    let started = Date.now
    let benchmark = KVStoreBenchmark(
      try self.selected(Load.all(sizes)), sizes: sizes, rounds: self.quick ? 1 : self.rounds,
      seconds: self.quick ? 1 : self.seconds, programs: programs, in: workDir)
    let samples = try await benchmark.play()
    let isWhole = !self.quick && self.only == nil
    guard let directory = self.outputDir ?? (isWhole ? "docs/measured" : nil) else { return }
    try await KVStorePage.write(
      benchmark, samples, revision: self.revision, command: Self.command, started: started,
      isQuick: self.quick, to: directory)
    note("wrote \(directory)/kvstore.md and \(directory)/kvstore.svg")
  }

  private func selected(_ loads: [Load]) throws(BenchmarkError) -> [Load] {
    guard let only else { return loads }
    let names = only.split(separator: ",").map(String.init)
    for name in names where !loads.contains(where: { $0.name == name }) {
      throw .noSuchLoad(name, known: loads.map(\.name))
    }
    return loads.filter { names.contains($0.name) }
  }

  /// The command line, without the program's directory.
  private static var command: String {
    let arguments = CommandLine.arguments.dropFirst().map { $0.contains(" ") ? "'\($0)'" : $0 }
    return (["zweimaster-bench"] + arguments).joined(separator: " ")
  }
}
