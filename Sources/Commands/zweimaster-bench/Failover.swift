import ArgumentParser
import Benchmarks
import Elector
import FoundationEssentials
import TestCluster

/// `zweimaster-bench failover`: how long it takes until another master has the manifest.
struct Failover: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "failover",
    abstract: "Measure hand-overs and takeovers, on kvstore and on a real etcd.",
    discussion: """
      Brings up two masters, and then again and again: stops the leading one in good order, or kills \
      all of it, measures until the scheduler's manifest is on the other one, and brings it back. The \
      look at the directories comes every 20 ms.
      """)

  @Option(help: "How many of each, for each store.") var rounds = 50
  @Option(help: ArgumentHelp("The leases' time to live.", valueName: "seconds")) var ttlSecs = 3
  @Option(
    help: ArgumentHelp(
      "The real etcd to measure, too; skipped when it is not there.", valueName: "program"))
  var etcd = "/usr/bin/etcd"
  @OptionGroup var state: StateOptions

  func validate() throws {
    if self.rounds < 1 { throw ValidationError("--rounds must be at least 1") }
  }

  private static let stopTime = Duration.milliseconds(200)

  func run() async throws {
    var stores: [(String, ClusterConfiguration.Store)] = [("kvstore", .kvstore)]
    if FileManager.default.isExecutableFile(atPath: self.etcd) {
      stores.append(("etcd", .etcd(executable: self.etcd)))
    } else {
      print("there is no \(self.etcd): only kvstore is measured (make deps installs it)")
    }
    var rows: [[String]] = []
    var overlaps: [PresenceLog.Overlap] = []
    for (name, store) in stores {
      let configuration = ClusterConfiguration(
        masters: 2, store: store, ttlSeconds: self.ttlSecs, sleep: .milliseconds(500),
        podStopTime: Self.stopTime, stateDirectory: self.state.directory)
      let timing = try configuration.timing()
      let (handOvers, takeovers, seen) = try await self.measure(configuration)
      overlaps += seen
      let slack: Duration = store == .kvstore ? .milliseconds(250) : .milliseconds(1_500)
      rows.append(
        Self.row(name, "hand-over, pod's stop time off", handOvers, "median below 0.05 s"))
      rows.append(
        Self.row(
          name, "takeover after kill -9", takeovers,
          "all below \((timing.worstTakeover + slack).inSeconds(decimals: 2)) s"))
    }
    let header = ["STORE", "WHAT", "ROUNDS", "MIN", "MEDIAN", "P95", "MAX", "WANTED"]
    print(TextTable(header: header, rows: rows))
    print(
      """

      Leases of \(self.ttlSecs) s. podmaster, with leases of 30 s and a look every 5 s: 19.3 to 33.3 s after \
      SIGTERM (mean 26.1, 30 rounds), 17.5 to 32.9 s after kill -9 (median 25.6, 60 rounds).
      Two leaders or two pods at once: \(overlaps.isEmpty ? "never" : "\(overlaps.count) times").
      """)
    for overlap in overlaps { print("  \(overlap)") }
    if !overlaps.isEmpty { throw ExitCode(1) }
  }

  private func measure(
    _ configuration: ClusterConfiguration
  ) async throws -> (handOvers: [Duration], takeovers: [Duration], [PresenceLog.Overlap]) {
    let rounds = self.rounds
    return try await Cluster.withRunning(configuration) { cluster in
      try await cluster.watched { monitor in
        var handOvers: [Duration] = []
        var takeovers: [Duration] = []
        for round in 0..<rounds * 2 {
          let isCrash = round % 2 == 1
          let leader = try await cluster.waitForLeader(of: .scheduler, within: .seconds(60))
          let begin = ContinuousClock.now
          async let end: Void =
            isCrash ? try await cluster.kill(leader) : try await cluster.stop(leader)
          let arrived = try await monitor.arrival(
            of: .manifest(.scheduler), on: configuration.nodes.filter { $0 != leader },
            after: begin, within: .seconds(120)
          ).from
          try await end
          let took = arrived - begin
          if isCrash {
            takeovers.append(took)
          } else {
            handOvers.append(took - Self.stopTime)
          }
          try await cluster.waitForLeader(
            of: .scheduler, otherThan: leader, within: .seconds(60))
          try await cluster.start(leader)
          try await cluster.waitUntil("for \(leader) to stand by", within: .seconds(60)) {
            $0.pods.contains { $0.name == "podmaster-\(leader)" && $0.status == "Running" }
          }
        }
        return (handOvers, takeovers, monitor.overlaps)
      }
    }
  }

  private static func row(
    _ store: String, _ what: String, _ durations: [Duration], _ wanted: String
  ) -> [String] {
    let times = Distribution(durations)
    func at(_ fraction: Double) -> String {
      times.map { "\($0.quantile(fraction).inSeconds(decimals: 3)) s" } ?? "-"
    }
    return [store, what, "\(durations.count)", at(0), at(0.5), at(0.95), at(1), wanted]
  }
}
