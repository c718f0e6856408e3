import ArgumentParser
import Benchmarks
import TestCluster

/// `zweimaster-bench api`: how quick the fake API server is, and what it needs.
struct API: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "api",
    abstract: "Measure the fake API server: lists, single objects, watchers, memory, processor.",
    discussion: """
      Starts a kvstore and a fake-apiserver, fills in nodes and pods, and asks for lists and for single \
      pods, first with a few pods, then with all. At last pods are changed while some watch them. Prints \
      tables in Markdown.
      """)

  @Option(help: "How many pods there are in the end.") var pods = 5000
  @Option(help: "How many nodes they are on.") var nodes = 50
  @Option(help: "How often each list is asked for; single pods ten times as often.")
  var rounds = 30
  @Option(help: ArgumentHelp("How many watchers; may be repeated.", valueName: "count"))
  var watchers: [Int] = []
  @Option(help: "How many changes the watchers see.") var events = 200
  @OptionGroup var state: StateOptions

  func validate() throws {
    for (flag, value) in [
      ("pods", self.pods), ("nodes", self.nodes), ("rounds", self.rounds), ("events", self.events),
    ] where value < 1 {
      throw ValidationError("--\(flag) must be at least 1, not \(value)")
    }
    if let count = self.watchers.first(where: { $0 < 1 }) {
      throw ValidationError("--watchers must be at least 1, not \(count)")
    }
  }

  func run() async throws {
    let report = try await APITrial(
      pods: [100, 1000].filter { $0 < self.pods } + [self.pods], nodes: self.nodes,
      rounds: self.rounds, watchers: self.watchers.isEmpty ? [1, 100, 1000] : self.watchers,
      events: self.events, directory: "\(self.state.directory)/api"
    ).run()
    print(Self.lists(report.counts).markdown)
    print()
    print(Self.watches(report.watches).markdown)
    print(
      """

      Median / 95th percentile of \(self.rounds) lists, \(self.rounds * 10) requests for one pod, and \
      \(self.events) changes; pods are on \(self.nodes) nodes. A change's time to a watcher begins when it is sent \
      and has its write in it. Memory is anonymous; a watcher's share of processor and memory is what the server \
      needs more than without any.
      """)
  }

  private static func text(_ times: Distribution<Duration>?) -> String {
    guard let times else { return "" }
    func milliseconds(_ duration: Duration) -> String {
      "\((duration / .milliseconds(1)).rounded(1))"
    }
    return "\(milliseconds(times.quantile(0.5))) / \(milliseconds(times.quantile(0.95))) ms"
  }

  private static func megabytes(_ bytes: Int) -> String {
    "\((Double(bytes) / 1e6).rounded(1)) MB"
  }

  private static func lists(_ counts: [APITrial.Report.Count]) -> TextTable {
    TextTable(
      header: ["pods"] + counts.map { "\($0.pods)" },
      rows: APITrial.Question.allCases.map { question in
        [question.rawValue] + counts.map { Self.text($0.times[question]) }
      } + [
        ["length of the list"] + counts.map { Self.megabytes($0.listSize) },
        ["fake-apiserver's memory"] + counts.map { Self.megabytes($0.serverMemory) },
        ["kvstore's memory"] + counts.map { Self.megabytes($0.storeMemory) },
      ])
  }

  private static func watches(_ watches: [APITrial.Report.Watch]) -> TextTable {
    TextTable(
      header: [
        "watchers", "a change to a watcher", "to the last one", "processor per change and watcher",
        "memory per watcher",
      ],
      rows: watches.map { watch in
        [
          "\(watch.watchers)", Self.text(watch.arrivals), Self.text(watch.complete),
          // Of a few the clock's and the allocator's steps are more than what they need.
          watch.watchers < 100 ? "–" : "\((watch.processor / .microseconds(1)).rounded(1)) µs",
          watch.watchers < 100 ? "–" : "\((Double(watch.memory) / 1e3).rounded(1)) kB",
        ]
      })
  }
}
