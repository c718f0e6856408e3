import Glibc
import SeededRandom
import Synchronization
import TestCluster

/// Random faults on real processes over a network of their own.
package struct ChaosRun: Sendable {
  package var configuration: ClusterConfiguration
  /// All faults and their times follow from it.
  package var seed: UInt64
  /// No burst begins later than this.
  package var duration: Duration
  /// Whether the run is recorded as a story.
  package var records: Bool

  /// - Parameters:
  ///   - configuration: of the cluster.
  ///   - seed: all faults and their times follow from it.
  ///   - duration: no burst begins later than this.
  ///   - records: whether the run is recorded as a story.
  package init(
    configuration: ClusterConfiguration, seed: UInt64, duration: Duration, records: Bool = false
  ) {
    self.records = records
    self.configuration = configuration
    self.configuration.hasOwnClocks = true
    self.seed = seed
    self.duration = duration
  }

  /// Restarts the program in network namespaces of its own, unless it runs there already.
  /// - Throws: `ClusterError` when the machine does not permit namespaces.
  package static func enterOwnNetwork() throws(ClusterError) {
    try NamespaceNetwork.enterOwnNamespaces()
  }

  /// How soon the pods have to run once all faults are over, see ``ChaosReport``.
  /// - Throws: `TimingError`.
  package func bound() throws -> Duration {
    try self.configuration.timing().worstTakeover + FailureRowRun.slack(self.configuration)
  }

  /// How long the run goes on as a rule after its time: half of a burst, and the quiet time after it.
  package var usualRest: Duration {
    .milliseconds(ChaosPlan.lengths.upperBound / 2) + ((try? self.bound()) ?? .zero)
      + Self.afterwards
  }

  /// How long the pods are watched after that.
  private static let afterwards = Duration.seconds(2)
  /// How soon all processes have to run again. A guard waits up to 30 s before it restarts an elector that was
  /// killed again and again.
  private static let startLimit = Duration.seconds(60)
  /// How soon the store has to come to rest.
  private static let storeLimit = Duration.seconds(60)

  /// Starts everything, and plays bursts of faults until the time is over.
  /// - Parameter report: gets a line for each event.
  package func run(report: @escaping @Sendable (String) -> Void) async throws -> ChaosReport {
    let members = (1...self.configuration.store.members).map { NetworkHost.member($0) }
    let masters = (1...self.configuration.masters).map { NetworkHost.master($0) }
    return try await ChaosNetwork.with(members + masters) { network in
      var configuration = self.configuration
      configuration.network = network.names
      configuration.report = report
      let running = Mutex<Cluster?>(nil)
      let result: Result<ChaosReport, any Error>
      do {
        result = .success(
          try await Cluster.withRunning(configuration) { cluster in
            running.withLock { $0 = cluster }
            return try await self.play(cluster, network, report)
          })
      } catch {
        result = .failure(error)
      }
      let counts = network.relay.counts
      report(
        "packets: \(counts.passed) passed, \(counts.delayed) of them late, \(counts.lost) lost")
      // An elector whose guard was killed has to end by itself.
      let left = await running.withLock { $0 }?.started.filter(\.leavesSomething) ?? []
      for process in left { process.killGroup() }
      var chaos = try result.get()
      chaos.leftBehind = left.count
      chaos.story = chaos.story.map { chaos.judged($0, seed: self.seed) }
      return chaos
    }
  }

  private func play(
    _ cluster: Cluster, _ network: ChaosNetwork, _ report: @escaping @Sendable (String) -> Void
  ) async throws -> ChaosReport {
    let plan = ChaosPlan(
      nodes: self.configuration.masters, members: self.configuration.store.members)
    let probe = StoreProbe(cluster)
    let watch = self.records ? await LiveWatch(cluster) : nil
    func bursts() async throws -> ChaosReport {
      try await cluster.watched { monitor in
        try await cluster.waitForLeader(of: .scheduler, within: .seconds(60))
        try await cluster.waitForLeader(of: .controllerManager, within: .seconds(60))
        var random = SeededGenerator(seed: self.seed)
        var result = ChaosReport(bursts: [], log: monitor.log, bound: try self.bound())
        let end = ContinuousClock.now + self.duration
        while ContinuousClock.now < end {
          let burst = BurstRun(
            number: result.bursts.count + 1, plan: plan.burst(using: &random), cluster: cluster,
            network: network, watch: watch, report: report)
          let known = result.violations
          result.bursts.append(try await self.play(burst, probe))
          result.log = monitor.log
          for violation in result.violations where !known.contains(violation) {
            report("VIOLATION: \(violation)")
            watch?.tell(.violation, violation)
          }
          for role in Role.allCases {
            report("burst \(burst.number): \(role.podName) \(result.words(role))")
          }
        }
        return result
      }
    }
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await probe.run() }
      defer { group.cancelAll() }
      guard let watch else { return try await bursts() }
      var report = try await watch.watching(bursts)
      report.story = watch.recording
      return report
    }
  }

  /// One burst, and the quiet time after it.
  private func play(_ burst: BurstRun, _ probe: StoreProbe) async throws -> ChaosReport.Burst {
    var problems = try await burst.play()
    var missing: [String] = []
    let isUp = await Cluster.wait(upTo: Self.startLimit) {
      missing = await burst.cluster.missing()
      return missing.isEmpty
    }
    try Task.checkCancellation()
    if !isUp {
      problems += missing.map {
        "\($0) does not run \(Self.startLimit.inSeconds()) s after the last fault"
      }
    }
    let healed = ContinuousClock.now
    burst.note("all faults are over, and all processes run")
    let quiet = try self.bound() + Self.afterwards
    var counted: ContinuousClock.Instant?
    while true {
      let log = probe.log
      counted = log.isReady ? max(healed, log.changed) : nil
      let now = ContinuousClock.now
      if let counted, now >= counted + quiet { break }
      if now >= healed + Self.storeLimit + quiet { break }
      try await Task.sleep(for: .milliseconds(20))
    }
    if let counted {
      burst.note("the store was ready \((counted - healed).inSeconds(decimals: 2)) s after that")
    } else {
      burst.note("the store does not come to rest: only overlaps of this burst are judged")
    }
    return ChaosReport.Burst(
      number: burst.number, kinds: burst.plan.entries.map(\.kind), healed: healed,
      counted: counted, end: .now, problems: problems)
  }
}

extension ChaosReport {
  /// The outcome of the last burst for a role.
  fileprivate func words(_ role: Role) -> String {
    guard let burst = self.bursts.last else { return "" }
    return switch self.recovery(of: role, burst) {
    case .ran: "ran all the time after the faults"
    case .after(let duration): "ran \(duration.inSeconds(decimals: 2)) s after the faults"
    case .never: "did not run"
    case .notJudged: "is not judged"
    }
  }
}
