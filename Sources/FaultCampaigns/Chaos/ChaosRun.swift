import Glibc
import SeededRandom
import Synchronization
import TestCluster

/// Random faults on real processes over a network of their own, judged all the time.
package struct ChaosRun: Sendable {
  package var configuration: ClusterConfiguration
  /// What all faults and their times follow from.
  package var seed: UInt64
  /// No burst begins later than that.
  package var duration: Duration

  package init(configuration: ClusterConfiguration, seed: UInt64, duration: Duration) {
    self.configuration = configuration
    self.configuration.hasOwnClocks = true
    self.seed = seed
    self.duration = duration
  }

  /// Starts the program anew in network namespaces of its own, unless it runs there already.
  /// - Throws: ``ClusterError`` when that cannot be had.
  package static func enterOwnNetwork() throws(ClusterError) {
    try NamespaceNetwork.enterOwnNamespaces()
  }

  /// By when the pods have to run again once all faults are over, see ``ChaosReport``.
  /// - Throws: ``TimingError``.
  package func bound() throws -> Duration {
    try self.configuration.timing().worstTakeover + FailureTrial.slack(self.configuration)
  }

  /// How much longer is watched whether it stays so.
  private static let afterwards = Duration.seconds(2)
  /// By when all processes have to run again. A guard waits up to 30 s before it starts an elector that was
  /// killed again and again.
  private static let startLimit = Duration.seconds(60)
  /// By when the store has to have come to rest.
  private static let storeLimit = Duration.seconds(60)

  /// Brings everything up, and plays bursts of faults until the time is over.
  /// - Parameter report: told what happens, a line at a time.
  package func run(report: @escaping @Sendable (String) -> Void) async throws -> ChaosReport {
    let members = (1...self.configuration.store.members).map { NetworkHost.member($0) }
    let masters = (1...self.configuration.masters).map { NetworkHost.master($0) }
    return try await ChaosNetwork.with(members + masters) { network in
      var configuration = self.configuration
      configuration.network = network.names
      configuration.report = report
      let brought = Mutex<Cluster?>(nil)
      let result: Result<ChaosReport, any Error>
      do {
        result = .success(
          try await Cluster.withRunning(configuration) { cluster in
            brought.withLock { $0 = cluster }
            return try await self.play(cluster, network, report)
          })
      } catch {
        result = .failure(error)
      }
      let counts = network.relay.counts
      report(
        "packets: \(counts.passed) passed, \(counts.delayed) of them late, \(counts.lost) lost")
      // An elector whose guard was killed ends by itself; nobody else would end it.
      let left = await brought.withLock { $0 }?.started.filter(\.leavesSomething) ?? []
      for process in left { process.killGroup() }
      var chaos = try result.get()
      chaos.leftBehind = left.count
      return chaos
    }
  }

  private func play(
    _ cluster: Cluster, _ network: ChaosNetwork, _ report: @escaping @Sendable (String) -> Void
  ) async throws -> ChaosReport {
    let plan = ChaosPlan(
      masters: self.configuration.masters, members: self.configuration.store.members)
    let probe = StoreProbe(cluster)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await probe.run() }
      let result = try await cluster.watched { monitor in
        try await cluster.waitForLeader(of: .scheduler, within: .seconds(60))
        try await cluster.waitForLeader(of: .controllerManager, within: .seconds(60))
        var random = SeededGenerator(seed: self.seed)
        var result = ChaosReport(bursts: [], log: monitor.log, bound: try self.bound())
        let end = ContinuousClock.now + self.duration
        while ContinuousClock.now < end {
          let stage = Stage(
            number: result.bursts.count + 1, burst: plan.burst(using: &random), cluster: cluster,
            network: network, report: report)
          let known = result.violations
          result.bursts.append(try await self.play(stage, probe))
          result.log = monitor.log
          for violation in result.violations where !known.contains(violation) {
            report("VIOLATION: \(violation)")
          }
          for role in Role.allCases {
            report("burst \(stage.number): \(role.podName) \(result.words(role))")
          }
        }
        return result
      }
      group.cancelAll()
      return result
    }
  }

  /// One burst, and the quiet time after it.
  private func play(_ stage: Stage, _ probe: StoreProbe) async throws -> ChaosReport.Burst {
    var problems = try await stage.play()
    var missing: [String] = []
    let isUp = await Cluster.wait(upTo: Self.startLimit) {
      missing = await stage.cluster.missing()
      return missing.isEmpty
    }
    try Task.checkCancellation()
    if !isUp {
      problems += missing.map {
        "\($0) does not run \(Self.startLimit.inSeconds()) s after the last fault"
      }
    }
    let healed = ContinuousClock.now
    stage.say("all faults are over, and all processes run")
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
      stage.say("the store was ready \((counted - healed).inSeconds(decimals: 2)) s after that")
    } else {
      stage.say("the store does not come to rest: this burst is not judged but for overlaps")
    }
    return ChaosReport.Burst(
      number: stage.number, kinds: stage.burst.entries.map(\.kind), healed: healed,
      counted: counted, end: .now, problems: problems)
  }
}

extension ChaosReport {
  /// How the last burst ended for a role.
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

/// Plays the faults of one burst.
private final class Stage: Sendable {
  package let number: Int
  package let burst: ChaosPlan.Burst
  package let cluster: Cluster
  private let network: ChaosNetwork
  private let report: @Sendable (String) -> Void
  private let begin = ContinuousClock.now
  /// The faults that last just now, and what went wrong with them.
  private let state = Mutex((active: [Int: ChaosFault](), problems: [String]()))

  package init(
    number: Int, burst: ChaosPlan.Burst, cluster: Cluster, network: ChaosNetwork,
    report: @escaping @Sendable (String) -> Void
  ) {
    self.number = number
    self.burst = burst
    self.cluster = cluster
    self.network = network
    self.report = report
  }

  /// - Returns: what went wrong with processes.
  package func play() async throws -> [String] {
    self.report(
      "burst \(self.number), \(self.burst.length.inSeconds(decimals: 2)) s:\n"
        + self.burst.description.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
    try await withThrowingDiscardingTaskGroup { group in
      for (index, entry) in self.burst.entries.enumerated() {
        group.addTask { try await self.play(entry, index) }
      }
      group.addTask {
        try await Task.sleep(until: self.begin + self.burst.length, clock: .continuous)
      }
    }
    return self.state.withLock { $0.problems }
  }

  private func play(_ entry: ChaosPlan.Entry, _ index: Int) async throws {
    try await Task.sleep(until: self.begin + entry.start, clock: .continuous)
    self.say("\(entry.fault)")
    do {
      self.change(index, entry.fault)
      let stopped = try await self.cluster.begin(entry.fault)
      try await Task.sleep(until: self.begin + entry.end, clock: .continuous)
      self.say("over: \(entry.fault)")
      self.change(index, nil)
      try await self.cluster.finish(entry.fault, stopped)
    } catch let error as ClusterError {
      // The others have to be ended nevertheless.
      self.state.withLock { $0.problems.append("\(entry.fault): \(error)") }
    }
  }

  private func change(_ index: Int, _ fault: ChaosFault?) {
    self.state.withLock {
      $0.active[index] = fault
      self.network.apply($0.active.values)
    }
  }

  package func say(_ text: String) {
    let passed = ContinuousClock.now - self.begin
    self.report("burst \(self.number) +\(passed.inSeconds(decimals: 2)) s: \(text)")
  }
}
