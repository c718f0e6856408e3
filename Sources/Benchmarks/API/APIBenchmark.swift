import ArgumentParser
import CommandLine
import FoundationEssentials
import Linux
import TestCluster

/// How fast a fake API server on a kvstore answers with many pods and many watchers, and what it needs of a machine.
package struct APIBenchmark: Benchmark {
  package static let configuration = CommandConfiguration(
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

  package func validate() throws {
    try requirePositive([
      "pods": self.pods, "nodes": self.nodes, "rounds": self.rounds, "events": self.events,
      "watchers": self.watchers.min() ?? 1, "watchers": self.watchers.max() ?? 1,
    ])
  }

  package init() {}

  /// For everything that is written; removed unless the benchmark fails.
  private var directory: String { "\(self.state.directory)/api" }

  /// It is measured with these numbers of pods, one after the other; the number only grows.
  private var counts: [Int] { [100, 1000].filter { $0 < self.pods } + [self.pods] }

  /// Of all pods, once they are there.
  var watcherCounts: [Int] { self.watchers.isEmpty ? [1, 100, 1000] : self.watchers }

  /// What is measured with each number of pods.
  package enum Operation: String, CaseIterable, Sendable {
    case list = "list all pods"
    case table = "the same as a Table"
    case ofNode = "list one node's pods"
    case pages = "list all pods, 500 at a time"
    case get = "get one pod"
    case status = "update one pod's status"

    fileprivate var isOfOnePod: Bool { self == .get || self == .status }
  }

  package struct Figures: Sendable {
    package var counts: [Count] = []
    package var watches: [Watch] = []

    /// With one number of pods.
    package struct Count: Sendable {
      package var pods: Int
      /// The length of the list, in bytes.
      package var listSize = 0
      package var times: [Operation: [Duration]] = [:]
      /// After all that, in bytes.
      package var serverMemory = 0
      package var storeMemory = 0
    }

    /// With one number of watchers.
    package struct Watch: Sendable {
      package var watchers: Int
      /// From sending a change until a watcher has it, of all changes and watchers.
      package var arrivals: [Duration]
      /// The same until the last watcher has it, of all changes.
      package var complete: [Duration]
      /// The server's processor time for one change and one more watcher.
      package var processor: Duration
      /// The server's memory for one more watcher, in bytes.
      package var memory: Int
    }
  }

  package var task: LongTask {
    let operations = self.counts.count * Operation.allCases.count
    return LongTask("measurements", of: operations + 1 + self.watcherCounts.count)
  }

  /// - Throws: ``BenchmarkError`` when a program does not start or a step takes longer than minutes.
  package func measure(_ progress: BenchmarkProgress) async throws -> Figures {
    DescriptorLimit.raise()
    let ports = try FreePorts.pick(3)
    let connections = 64 + (self.watcherCounts.max() ?? 0)
    return try await WorkDirectory.with(self.directory) {
      try await Requests.with(connections: connections) { requests in
        try await MeasuredProcess.with(
          .kvstore(port: ports[0], directory: self.directory)
        ) { store in
          func with<Result: Sendable>(
            _ port: Int, _ body: (MeasuredAPIServer) async throws -> Result
          ) async throws -> Result {
            let launch = try MeasuredProcess.Launch(
              "fake-apiserver",
              ["--etcd-servers=http://127.0.0.1:\(ports[0])", "--insecure-port=\(port)"],
              in: self.directory, probe: (port, "/api/v1/namespaces/default"))
            return try await MeasuredProcess.with(launch) { process in
              try await body(
                MeasuredAPIServer(
                  url: "http://127.0.0.1:\(port)", requests: requests, process: process,
                  store: store))
            }
          }
          return try await with(ports[1]) { first in
            var figures = Figures()
            figures.counts = try await self.counts(first, progress)
            // Watchers get a server of their own, whose memory nothing has used before them.
            figures.watches = try await with(ports[2]) { try await self.watches($0, progress) }
            return figures
          }
        }
      }
    }
  }

  private func counts(
    _ server: MeasuredAPIServer, _ progress: BenchmarkProgress
  ) async throws -> [Figures.Count] {
    for number in 0..<self.nodes {
      try await server.ask(
        "\(server.url)/api/v1/nodes", method: .POST, json: SampleObjects.node(number))
    }
    var counts: [Figures.Count] = []
    for count in self.counts {
      progress.note("\(count) pods")
      try await server.fill((counts.last?.pods ?? 0)..<count, nodes: self.nodes)
      counts.append(try await self.count(count, server, progress))
    }
    return counts
  }

  private func count(
    _ pods: Int, _ server: MeasuredAPIServer, _ progress: BenchmarkProgress
  ) async throws -> Figures.Count {
    var count = Figures.Count(pods: pods)
    count.listSize = try await server.ask("\(server.url)/api/v1/pods").count
    for operation in Operation.allCases {
      let rounds = Rounds(operation.isOfOnePod ? 10 * self.rounds : self.rounds)
      count.times[operation] = try await rounds.time { round in
        try await self.perform(operation, pod: (round * 7) % pods, round: round, server)
      }
      progress.advance()
    }
    count.serverMemory = try server.process.usage().anonymousBytes
    count.storeMemory = try server.store.usage().anonymousBytes
    return count
  }

  private func perform(
    _ operation: Operation, pod: Int, round: Int, _ server: MeasuredAPIServer
  ) async throws {
    let all = "\(server.url)/api/v1/pods"
    switch operation {
    case .list: try await server.ask(all)
    case .table:
      try await server.ask(all, accept: "application/json;as=Table;v=v1;g=meta.k8s.io")
    case .ofNode:
      try await server.ask(
        "\(all)?fieldSelector=spec.nodeName%3D\(SampleObjects.nodeName(round % self.nodes))")
    case .pages:
      var next: String? = ""
      while let token = next {
        let suffix =
          token.isEmpty
          ? "" : "&continue=\(token.replacing("+", with: "%2B").replacing("=", with: "%3D"))"
        let page = try await server.ask("\(all)?limit=500\(suffix)")
        next = MeasuredAPIServer.text(of: "continue", in: page)
      }
    case .get: try await server.ask("\(server.pods)/\(SampleObjects.podName(pod))")
    case .status: try await server.update(pod, restarts: round + 1)
    }
  }

  // MARK: - The report

  package func report(_ figures: Figures) -> BenchmarkReport {
    func megabytes(_ bytes: Int) -> String { "\((Double(bytes) / 1e6).rounded(1)) MB" }
    let lists = TextTable(
      header: ["pods"] + figures.counts.map { "\($0.pods)" },
      rows: Operation.allCases.map { operation in
        [operation.rawValue] + figures.counts.map { Self.text($0.times[operation] ?? []) }
      } + [
        ["length of the list"] + figures.counts.map { megabytes($0.listSize) },
        ["fake-apiserver's memory"] + figures.counts.map { megabytes($0.serverMemory) },
        ["kvstore's memory"] + figures.counts.map { megabytes($0.storeMemory) },
      ])
    let watches = TextTable(
      header: [
        "watchers", "a change to a watcher", "to the last one", "processor per change and watcher",
        "memory per watcher",
      ],
      rows: figures.watches.map { watch in
        // Of a few, the clock's and the allocator's steps exceed what they need.
        let isMany = watch.watchers >= 100
        return [
          "\(watch.watchers)", Self.text(watch.arrivals), Self.text(watch.complete),
          isMany ? FigureUnit.microseconds.text(watch.processor) : "–",
          isMany ? "\((Double(watch.memory) / 1e3).rounded(1)) kB" : "–",
        ]
      })
    return BenchmarkReport(
      tables: [lists, watches],
      notes: """
        Median / 95th percentile of \(self.rounds) lists, \(self.rounds * 10) requests for one pod, and \
        \(self.events) changes; pods are on \(self.nodes) nodes. A change's time to a watcher begins when it is sent, so \
        it includes the write. Memory is anonymous memory; a watcher's share of processor and memory is what the server \
        needs more than without any.
        """)
  }

  private static func text(_ durations: [Duration]) -> String {
    guard let times = Distribution(durations) else { return "" }
    func milliseconds(_ fraction: Double) -> String {
      "\((times.quantile(fraction) / .milliseconds(1)).rounded(1))"
    }
    return "\(milliseconds(0.5)) / \(milliseconds(0.95)) ms"
  }
}
