import ArgumentParser
import Benchmarks

struct API: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "api",
    abstract: "Measure the fake API server: lists, single objects, watchers, memory, processor.",
    discussion: """
      Starts a kvstore and a fake-apiserver, creates nodes and pods, and requests lists and single pods, first \
      with a few pods, then with all. In the end it changes pods while watchers follow them.
      """)

  @Option(help: "How many pods there are in the end.") var pods = 5000
  @Option(help: "On how many nodes they are.") var nodes = 50
  @Option(help: "How often each list is requested; single pods ten times as often.")
  var rounds = 30
  @Option(
    help: ArgumentHelp(
      "How many watchers; may be repeated. (default: 1, 100, 1000)", valueName: "count"))
  var watchers: [Int] = []
  @Option(help: "How many changes the watchers see.") var events = 200
  @OptionGroup var state: StateOptions

  func validate() throws {
    try requirePositive([
      "pods": self.pods, "nodes": self.nodes, "rounds": self.rounds, "events": self.events,
      "watchers": self.watchers.min() ?? 1,
    ])
  }

  func run() async throws {
    try await APIBenchmark(
      pods: [100, 1000].filter { $0 < self.pods } + [self.pods], nodes: self.nodes,
      rounds: self.rounds, watchers: self.watchers.isEmpty ? [1, 100, 1000] : self.watchers,
      events: self.events, directory: "\(self.state.directory)/api"
    ).play()
  }
}
