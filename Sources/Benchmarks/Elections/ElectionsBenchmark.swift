import ArgumentParser
import CommandLine
import FoundationEssentials
import Glibc
import Linux
import TestCluster

/// Many elections on one kvstore, all with the same candidates: what they need of a machine, and whether any of them
/// loses its lease under that load.
package struct ElectionsBenchmark: Benchmark {
  package static let configuration = CommandConfiguration(
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

  package func validate() throws {
    try requirePositive([
      "count": self.count, "candidates": self.candidates, "ttl-secs": self.ttlSecs,
    ])
  }

  package init() {}

  /// For everything that is written; removed unless the benchmark fails.
  private var directory: String { "\(self.state.directory)/elections" }

  /// What a process needs.
  package struct Load: Equatable, Sendable {
    package var anonymousBytes: Int
    /// The share of one processor.
    package var processor: Double
  }

  package struct Figures: Sendable {
    /// From the start of the last elector until every election had its manifest.
    package var electedAfter: Duration
    /// Leases lost, by the electors' own count.
    package var losses: Int
    /// Manifests at the end; one for each election is right.
    package var manifests: Int
    package var store: Load
    package var guards: [Load]
    package var electors: [Load]
    /// From SIGTERM to the end of the last elector.
    package var stoppedAfter: Duration
    /// Manifests that the electors left behind.
    package var left: Int
  }

  /// Besides the time of watching, what starts and stops need: a second for some hundred candidates.
  package var task: LongTask {
    let candidates = self.count * self.candidates
    return LongTask("", of: 0, usual: self.duration.duration + .seconds(10 + candidates / 200))
  }

  /// Starts all processes, watches them and takes them down again.
  /// - Throws: ``BenchmarkError`` when a process does not start, or an election has no leader in two minutes.
  package func measure(_ progress: BenchmarkProgress) async throws -> Figures {
    DescriptorLimit.raise()
    let ports = try FreePorts.pick(1 + self.candidates)
    return try await WorkDirectory.with(self.directory) {
      try self.writeSettings(store: ports[0], status: Array(ports.dropFirst()))
      let electors = try (0..<self.candidates).map { number in
        var launch = try MeasuredProcess.Launch(
          "elector", ["--config=\(self.config(number))"], in: self.directory)
        launch.name = "elector \(number)"
        launch.log = "\(self.directory)/elector\(number).log"
        return launch
      }
      return try await Requests.with { requests in
        try await MeasuredProcess.with(
          .kvstore(port: ports[0], directory: self.directory)
        ) { store in
          try await MeasuredProcess.with(electors) { guards in
            progress.note("\(self.count) elections on \(guards.count) electors")
            return try await self.watch(store, guards, Array(ports.dropFirst()), requests)
          }
        }
      }
    }
  }

  private func writeSettings(store: Int, status: [Int]) throws {
    let source = "\(self.directory)/pod.yaml"
    try Data(
      "kind: Pod\nmetadata:\n  name: p\nspec:\n  terminationGracePeriodSeconds: 1\n".utf8
    ).write(to: URL(filePath: source))
    for (number, port) in status.enumerated() {
      try FileManager.default.createDirectory(
        atPath: self.manifests(number), withIntermediateDirectories: true)
      let elections = (1...self.count).map {
        "- {key: e\($0), source-file: \(source), dest-file: \(self.manifests(number))/e\($0).yaml}"
      }
      let settings = """
        etcd-servers: http://127.0.0.1:\(store)
        etcd-api: v2
        whoami: n\(number)
        ttl-secs: \(self.ttlSecs)
        http-listen: 127.0.0.1:\(port)
        elections:
        \(elections.joined(separator: "\n"))

        """
      try Data(settings.utf8).write(to: URL(filePath: self.config(number)))
    }
  }

  private func manifests(_ number: Int) -> String { "\(self.directory)/manifests\(number)" }
  private func config(_ number: Int) -> String { "\(self.directory)/elections\(number).yaml" }

  private func watch(
    _ store: MeasuredProcess, _ guards: [MeasuredProcess], _ ports: [Int], _ requests: Requests
  ) async throws -> Figures {
    let started = ContinuousClock.now
    try await wait(for: "every election to have a leader", within: .seconds(120)) {
      self.manifestCount >= self.count
    }
    let electedAfter = ContinuousClock.now - started
    // The first elector may have won everything before the last one is up.
    for port in ports {
      try await wait(for: "every elector to know the leaders", within: .seconds(120)) {
        (try? await requests.data("http://127.0.0.1:\(port)/readyz"))?.status == 200
      }
    }
    let pids = ([store] + guards).map(\.identity.pid) + guards.compactMap(\.identity.child?.pid)
    let before = pids.map { ProcessUsage(pid: $0) }
    let begin = ContinuousClock.now
    try await Task.sleep(for: self.duration.duration)
    let passed = ContinuousClock.now - begin
    let loads = try zip(pids, before).map { pid, before in
      guard let before, let usage = ProcessUsage(pid: pid) else {
        throw BenchmarkError.ended("process \(pid)", log: "")
      }
      return Load(
        anonymousBytes: usage.anonymousBytes,
        processor: usage.processor(since: before, over: passed))
    }
    var losses = 0
    for port in ports {
      let page = try await requests.data(
        "http://127.0.0.1:\(port)/metrics", within: .seconds(60)
      ).body
      losses += Self.sum(of: "elector_losses_total", in: String(decoding: page, as: UTF8.self))
    }
    let manifests = self.manifestCount
    let stopping = ContinuousClock.now
    for process in guards { process.identity.signalAlone(SIGTERM) }
    try await wait(for: "the electors to end", within: .seconds(120)) {
      !guards.contains(where: \.identity.isAlive)
    }
    return Figures(
      electedAfter: electedAfter, losses: losses, manifests: manifests, store: loads[0],
      guards: Array(loads[1..<1 + guards.count]), electors: Array(loads[(1 + guards.count)...]),
      stoppedAfter: ContinuousClock.now - stopping, left: self.manifestCount)
  }

  private var manifestCount: Int {
    (0..<self.candidates).map { number in
      ((try? FileManager.default.contentsOfDirectory(atPath: self.manifests(number))) ?? [])
        .count { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }
    }.reduce(0, +)
  }

  private static func sum(of metric: String, in page: String) -> Int {
    page.split(separator: "\n").filter { $0.hasPrefix(metric + "{") }
      .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
  }

  package func report(_ figures: Figures) -> BenchmarkReport {
    func row(_ name: String, _ loads: [Load]) -> [String] {
      let memory = Double(loads.map(\.anonymousBytes).reduce(0, +))
      let processor = loads.map(\.processor).reduce(0, +) * 100
      let each = Double(self.count * loads.count)
      return [
        name, "\(loads.count)", "\((memory / 1e6).rounded(1)) MB",
        "\((memory / each / 1e3).rounded(1)) kB", "\(processor.rounded(2)) %",
        "\((processor / each).rounded(4)) %",
      ]
    }
    let problems = [
      (figures.losses == 0, "\(figures.losses) leases were lost"),
      (figures.manifests == self.count, "there were \(figures.manifests) manifests at the end"),
      (figures.left == 0, "the electors left \(figures.left) manifests behind"),
    ]
    return BenchmarkReport(
      tables: [
        TextTable(
          header: ["process", "number", "memory", "per election", "processor", "per election"],
          rows: [
            row("elector", figures.electors), row("guard", figures.guards),
            row("kvstore", [figures.store]),
          ])
      ],
      notes: """
        \(self.count) elections with \(self.candidates) candidates each, leases of \(self.ttlSecs) s, watched for \
        \(self.duration.duration.inSeconds()) s. Memory is anonymous memory; 100 % of a processor is one core.
        Every election had a leader after \(figures.electedAfter.inSeconds(decimals: 1)) s; leases lost: \
        \(figures.losses); manifests at the end: \(figures.manifests).
        All electors had ended \(figures.stoppedAfter.inSeconds(decimals: 1)) s after SIGTERM; manifests left: \
        \(figures.left).
        """, problems: problems.filter { !$0.0 }.map(\.1))
  }
}
