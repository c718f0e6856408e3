import ArgumentParser
import Benchmarks
import CommandLine

struct Elections: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "elections",
    abstract: "Measure many elections on one kvstore: memory, processor, leases lost.",
    discussion: """
      Starts a kvstore and electors with --config, each of which takes part in all elections, waits until \
      every election has a leader, and watches them. Exits 1 when a lease was lost or a manifest is missing \
      or left behind.
      """)

  @Option(help: "How many elections.") var count = 1000
  @Option(help: "How many candidates in each.") var candidates = 3
  @Option(help: ArgumentHelp("The leases' TTL.", valueName: "seconds")) var ttlSecs = 10
  @Option(
    name: .customLong("for"),
    help: ArgumentHelp("How long the elections are watched.", valueName: "duration"))
  var duration = GoDuration(.seconds(300))
  @OptionGroup var state: StateOptions

  func validate() throws {
    try requirePositive([
      "count": self.count, "candidates": self.candidates, "ttl-secs": self.ttlSecs,
    ])
  }

  func run() async throws {
    try await ElectionsBenchmark(
      elections: self.count, candidates: self.candidates, ttlSeconds: self.ttlSecs,
      duration: self.duration.duration, directory: "\(self.state.directory)/elections"
    ).play()
  }
}
