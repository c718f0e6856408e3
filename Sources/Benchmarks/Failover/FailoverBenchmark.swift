import ArgumentParser
import CommandLine
import Glibc
import TestCluster

/// How long it takes until another node has the scheduler's manifest: after an orderly stop, and after a crash.
package struct FailoverBenchmark: Benchmark {
  package static let configuration = CommandConfiguration(
    commandName: "failover",
    abstract: "Measure hand-overs and takeovers, on kvstore and on a real etcd.",
    discussion: """
      Starts two masters, and then, again and again, stops the leading one in good order or kills all of it, \
      measures until the scheduler's manifest is on the other one, and brings it back. It looks at the \
      directories every 20 ms. Exits 1 when two had the manifest or the pod at once.
      """)

  @Option(help: "How many hand-overs and how many takeovers, for each store.") var rounds = 50
  @Option(help: ArgumentHelp("The leases' TTL.", valueName: "seconds")) var ttlSecs = 3
  @Option(
    help: ArgumentHelp(
      "The real etcd to measure as well; skipped when it is not there.", valueName: "program"))
  var etcd = "/usr/bin/etcd"
  @OptionGroup var state: StateOptions

  package func validate() throws {
    try requirePositive(["rounds": self.rounds, "ttl-secs": self.ttlSecs])
  }

  package init() {}

  /// Of one store.
  package struct StoreFigures: Sendable {
    package var store: String
    /// Without the time that the pod takes to stop.
    package var handOvers: [Duration] = []
    package var takeovers: [Duration] = []
    /// What every takeover has to stay below.
    package var takeoverBound: Duration
    package var overlaps: [PresenceLog.Overlap] = []
  }

  private static let stopTime = Duration.milliseconds(200)
  private static let patience = Duration.seconds(60)

  private var measuresEtcd: Bool { access(self.etcd, X_OK) == 0 }

  package var task: LongTask { LongTask("rounds", of: (self.measuresEtcd ? 2 : 1) * self.rounds) }

  /// - Throws: `ClusterError`.
  package func measure(
    _ progress: BenchmarkProgress
  ) async throws -> [StoreFigures] {
    var stores = [("kvstore", ClusterConfiguration.Store.kvstore)]
    if self.measuresEtcd {
      stores.append(("etcd", .etcd(executable: self.etcd)))
    } else {
      progress.note("there is no \(self.etcd): only kvstore is measured (make deps installs it)")
    }
    var result: [StoreFigures] = []
    for (name, store) in stores {
      let configuration = ClusterConfiguration(
        masters: 2, store: store, ttlSeconds: self.ttlSecs, sleep: .milliseconds(500),
        podStopTime: Self.stopTime, stateDirectory: self.state.directory)
      // etcd ends leases late: it looks for them twice a second.
      let slack: Duration = store == .kvstore ? .milliseconds(250) : .milliseconds(1_500)
      progress.note("\(name): \(self.rounds) hand-overs and takeovers")
      let bound = try configuration.timing().worstTakeover + slack
      result.append(
        try await self.measure(
          configuration, StoreFigures(store: name, takeoverBound: bound), progress))
    }
    return result
  }

  private func measure(
    _ configuration: ClusterConfiguration, _ empty: StoreFigures, _ progress: BenchmarkProgress
  ) async throws -> StoreFigures {
    try await Cluster.withRunning(configuration) { cluster in
      try await cluster.watched { monitor in
        var figures = empty
        for times in try await Rounds(self.rounds).measure({ _ in
          defer { progress.advance() }
          return (
            try await Self.absence(cluster, monitor, isCrash: false) - Self.stopTime,
            try await Self.absence(cluster, monitor, isCrash: true)
          )
        }) {
          figures.handOvers.append(times.0)
          figures.takeovers.append(times.1)
        }
        figures.overlaps = monitor.overlaps
        return figures
      }
    }
  }

  /// Takes the leading node down and brings it back.
  /// - Returns: how long it took until another node had the manifest.
  private static func absence(
    _ cluster: Cluster, _ monitor: Monitor, isCrash: Bool
  ) async throws -> Duration {
    let leader = try await cluster.waitForLeader(of: .scheduler, within: Self.patience)
    let begin = ContinuousClock.now
    async let end: Void = isCrash ? try await cluster.kill(leader) : try await cluster.stop(leader)
    let arrived = try await monitor.arrival(
      of: .manifest(.scheduler), on: cluster.configuration.nodes.filter { $0 != leader },
      after: begin, within: .seconds(120)
    ).from
    try await end
    try await cluster.waitForLeader(of: .scheduler, otherThan: leader, within: Self.patience)
    try await cluster.start(leader)
    try await cluster.waitUntil("for \(leader) to stand by", within: Self.patience) {
      $0.pods.contains { $0.name == "podmaster-\(leader)" && $0.status == "Running" }
    }
    return arrived - begin
  }

  package func report(_ figures: [StoreFigures]) -> BenchmarkReport {
    let overlaps = figures.flatMap(\.overlaps)
    return BenchmarkReport(
      tables: [
        TextTable(
          header: ["store", "what", "rounds"] + TimeColumns.names + ["wanted"],
          rows: figures.flatMap { figures in
            [
              ("hand-over, without the pod's stop time", figures.handOvers, "median below 0.05 s"),
              (
                "takeover after kill -9", figures.takeovers,
                "all below \(figures.takeoverBound.inSeconds(decimals: 2)) s"
              ),
            ].map { what, times, wanted in
              [figures.store, what, "\(times.count)"] + TimeColumns.cells(times, .seconds)
                + [wanted]
            }
          })
      ],
      notes: """
        Leases of \(self.ttlSecs) s. podmaster, with leases of 30 s and a look every 5 s: 19.3 to 33.3 s after \
        SIGTERM (mean 26.1, 30 rounds), 17.5 to 32.9 s after kill -9 (median 25.6, 60 rounds).
        Two leaders or two pods at once: \(overlaps.isEmpty ? "never" : "\(overlaps.count) times").
        """, problems: overlaps.map { "\($0)" })
  }
}
