import ArgumentParser
import Benchmarks
import CommandLine
import TestCluster

/// `zweimaster-bench elections`: what many elections need of a machine.
struct Elections: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "elections",
    abstract: "Measure many elections on one kvstore: memory, processor, leases lost.",
    discussion: """
      Starts a kvstore and electors with --config, each of which takes part in all elections, waits until \
      all are elected, and watches them.
      """)

  @Option(help: "How many elections.") var count = 1000
  @Option(help: "How many candidates in each.") var candidates = 3
  @Option(help: ArgumentHelp("The leases' time to live.", valueName: "seconds")) var ttlSecs = 10
  @Option(
    name: .customLong("for"), help: ArgumentHelp("For how long.", valueName: "duration"),
    transform: { try GoDuration(parsing: $0) })
  var duration = GoDuration(.seconds(300))
  @OptionGroup var state: StateOptions

  func validate() throws {
    for (flag, value) in [
      ("count", self.count), ("candidates", self.candidates), ("ttl-secs", self.ttlSecs),
    ] where value < 1 {
      throw ValidationError("--\(flag) must be at least 1, not \(value)")
    }
  }

  func run() async throws {
    let report = try await Crowd(
      elections: self.count, candidates: self.candidates, ttlSeconds: self.ttlSecs,
      duration: self.duration.duration, directory: "\(self.state.directory)/elections"
    ).run()
    func row(_ name: String, _ usages: [ProcessLoad]) -> [String] {
      let memory = Double(usages.map(\.anonymousMemory).reduce(0, +))
      let processor = usages.map(\.processor).reduce(0, +)
      let each = Double(self.count * usages.count)
      return [
        name, "\(usages.count)", "\((memory / 1e6).rounded(1)) MB",
        "\((memory / each / 1e3).rounded(1)) kB", "\((processor * 100).rounded(2)) %",
        "\((processor * 100 / each).rounded(4)) %",
      ]
    }
    print(
      TextTable(
        header: ["PROCESS", "NUMBER", "MEMORY", "PER ELECTION", "PROCESSOR", "PER ELECTION"],
        rows: [
          row("elector", report.electors), row("guard", report.guards),
          row("kvstore", [report.store]),
        ]))
    print(
      """

      \(self.count) elections with \(self.candidates) candidates each, leases of \(self.ttlSecs) s, for \
      \(self.duration). Memory is anonymous, a processor's 100 % is one core.
      All elected after \(report.electedAfter.inSeconds(decimals: 1)) s; leases lost: \(report.losses); \
      manifests at the end: \(report.manifests).
      All stopped after \(report.stoppedAfter.inSeconds(decimals: 1)) s; manifests left: \(report.left).
      """)
    guard report.losses == 0, report.manifests == self.count, report.left == 0 else {
      throw ExitCode(1)
    }
  }
}
