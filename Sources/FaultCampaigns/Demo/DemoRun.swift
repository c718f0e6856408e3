import Elector
import TestCluster

/// The demo's five steps on a cluster of their own: an election, a crash, a return, a hand-over, the end.
package struct DemoRun: Sendable {
  private let configuration: ClusterConfiguration
  private let timing: Timing
  /// Gets the story, some lines at a time.
  private let report: @Sendable (String) -> Void
  private let stepped: @Sendable (Int) -> Void

  /// How many steps it has.
  package static let steps = 5

  /// - Parameters:
  ///   - configuration: of the demo's cluster.
  ///   - report: gets the story, some lines at a time.
  ///   - stepped: gets the number of each step that begins, from 1 on.
  /// - Throws: `TimingError` when the configuration's times do not fit together.
  package init(
    _ configuration: ClusterConfiguration, report: @escaping @Sendable (String) -> Void,
    stepped: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws {
    self.configuration = configuration
    self.timing = try configuration.timing()
    self.report = report
    self.stepped = stepped
  }

  /// How long it takes when all is as promised: about a takeover, a hand-over, and what processes need to start.
  package var usualTime: Duration {
    self.timing.worstTakeover + self.stopTime + .milliseconds(2_500)
  }

  private var ttl: Duration { .seconds(self.configuration.ttlSeconds) }
  private var stopTime: Duration { self.configuration.podStopTime ?? .zero }
  /// How long a step waits before it fails; a promise is broken long before.
  private var patience: Duration {
    self.ttl * 2 + self.timing.lockDelay + self.stopTime + .seconds(30)
  }

  /// Plays all steps, and takes the cluster down.
  /// - Throws: `ClusterError` when a step does not come to its end.
  package func run() async throws -> [DemoPromise] {
    self.step(
      1,
      DemoText.bringingUp(
        masters: "\(self.configuration.masters)", ttl: self.ttl.inSeconds(),
        lockDelay: self.timing.lockDelay.inSeconds(decimals: 1)))
    let begin = ContinuousClock.now
    let (promises, processes) = try await Cluster.withRunning(self.configuration) { cluster in
      let time = ContinuousClock.now - begin
      self.report(DemoText.allRun(after: time.inSeconds(decimals: 2)))
      return try await ControlServer(cluster).serve {
        try await cluster.watched { monitor in
          do {
            var promises = try await self.elect(cluster)
            promises += try await self.crash(cluster, monitor)
            promises += try await self.handOver(cluster, monitor)
            promises.append(self.judge(monitor))
            self.step(5, DemoText.end)
            return (promises, await cluster.started)
          } catch {
            // Two leaders may be why a step got stuck.
            _ = self.judge(monitor)
            throw error
          }
        }
      }
    }
    let left = processes.count(where: \.leavesSomething)
    self.report(left == 0 ? DemoText.noneIsLeft : "   \(left) processes are left!")
    return promises + [
      DemoPromise(
        DemoText.leftBehind, measured: "\(left)", promised: "none", isKept: left == 0)
    ]
  }

  /// The first election.
  private func elect(_ cluster: Cluster) async throws -> [DemoPromise] {
    for role in Role.allCases {
      let leader = try await cluster.waitForLeader(of: role, within: self.patience)
      self.report(DemoText.elected(leader, pod: role.podName))
    }
    let nodes = self.configuration.nodes
    let status = try await cluster.waitUntil("for the recipe's table", within: self.patience) {
      $0.pods.count == nodes.count + Role.allCases.count
        && $0.pods.allSatisfy { $0.status == "Running" }
    }
    self.show(status)
    let leaders = Role.allCases.map { status.leader(of: $0) ?? "nobody" }
    return [
      DemoPromise(
        DemoText.firstElection, measured: leaders.joined(separator: ", "),
        promised: DemoText.oneLeaderEach, isKept: !leaders.contains("nobody"))
    ]
  }

  /// `kill -9` of the whole node that runs the scheduler, and its return.
  private func crash(_ cluster: Cluster, _ monitor: Monitor) async throws -> [DemoPromise] {
    let victim = try await cluster.waitForLeader(of: .scheduler, within: self.patience)
    let roles = await self.roles(led: victim, cluster)
    self.step(2, DemoText.crash(of: victim, pods: Self.names(roles)))
    let killed = ContinuousClock.now
    try await cluster.kill(victim)
    self.report(DemoText.leaseLasts(self.ttl.inSeconds()))
    let limit = self.timing.worstTakeover + .seconds(1)
    var promises: [DemoPromise] = []
    for role in roles {
      let stay = try await self.arrival(of: role, after: killed, notOn: victim, monitor)
      let takeover = stay.from - killed
      self.report(
        DemoText.takeover(
          by: stay.node, pod: role.podName, after: takeover.inSeconds(decimals: 2),
          limit: limit.inSeconds(decimals: 1)))
      promises.append(
        DemoPromise(
          DemoText.takeoverPromise(role.podName), takeover, below: limit, DemoText.takeoverBound))
      try await cluster.waitForLeader(of: role, otherThan: victim, within: self.patience)
    }
    self.show(await cluster.status())
    self.step(3, DemoText.bringingBack(victim))
    try await cluster.start(victim)
    let name = "podmaster-\(victim)"
    let status = try await cluster.waitUntil("for \(name)", within: self.patience) {
      $0.pods.contains { $0.name == name && $0.status == "Running" }
    }
    self.report(DemoText.back)
    self.show(status)
    let stayed = roles.filter { status.runners(of: $0).contains(victim) }
    promises.append(
      DemoPromise(
        DemoText.returnPromise,
        measured: stayed.isEmpty ? DemoText.standsBy : "it runs \(Self.names(stayed))",
        promised: DemoText.standsBy, isKept: stayed.isEmpty))
    return promises
  }

  /// An orderly stop of the node that runs the scheduler.
  private func handOver(_ cluster: Cluster, _ monitor: Monitor) async throws -> [DemoPromise] {
    let leaving = try await cluster.waitForLeader(of: .scheduler, within: self.patience)
    let roles = await self.roles(led: leaving, cluster)
    self.step(
      4,
      DemoText.handOver(
        from: leaving, pods: Self.names(roles), stopTime: self.stopTime.inSeconds(decimals: 1)))
    let stopped = ContinuousClock.now
    try await cluster.stop(leaving)
    let limit = self.stopTime + .seconds(1)
    var promises: [DemoPromise] = []
    for role in roles {
      let stay = try await self.arrival(of: role, after: stopped, notOn: leaving, monitor)
      let handOver = stay.from - stopped
      let gap = monitor.log.latest(of: .pod(role), on: leaving).map { stay.from - $0.to } ?? .zero
      self.report(
        DemoText.handedOver(
          to: stay.node, pod: role.podName, after: handOver.inSeconds(decimals: 2),
          limit: limit.inSeconds(decimals: 1), gap: gap.inSeconds(decimals: 2)))
      promises.append(
        DemoPromise(
          DemoText.handOverPromise(role.podName), handOver, below: limit, DemoText.handOverBound))
      try await cluster.waitForLeader(of: role, otherThan: leaving, within: self.patience)
    }
    self.show(await cluster.status())
    return promises
  }

  private func arrival(
    of role: Role, after instant: ContinuousClock.Instant, notOn node: String, _ monitor: Monitor
  ) async throws -> PresenceLog.Stay {
    try await monitor.arrival(
      of: .pod(role), on: self.configuration.nodes.filter { $0 != node }, after: instant,
      within: self.patience)
  }

  /// Whether there were ever two leaders or two pods.
  private func judge(_ monitor: Monitor) -> DemoPromise {
    let log = monitor.log
    for overlap in log.overlaps.prefix(5) { self.report("   ✗ \(overlap)") }
    return DemoPromise(
      DemoText.neverTwo(looks: "\(log.looks)"),
      measured: log.overlaps.isEmpty ? "never" : "\(log.overlaps.count) times",
      promised: "never", isKept: log.overlaps.isEmpty && log.looks > 0)
  }

  private func roles(led node: String, _ cluster: Cluster) async -> [Role] {
    let status = await cluster.status()
    return Role.allCases.filter { status.leader(of: $0) == node }
  }

  private func step(_ number: Int, _ text: String) {
    self.stepped(number)
    self.report("\n\(number). \(text)")
  }

  private func show(_ status: ClusterStatus) {
    let view = status.view().split(separator: "\n", omittingEmptySubsequences: false)
    self.report("\n" + view.map { $0.isEmpty ? "" : "     \($0)" }.joined(separator: "\n"))
  }

  private static func names(_ roles: [Role]) -> String {
    roles.map(\.podName).joined(separator: " and ")
  }
}

/// A promise that the demo checks, with what it measured.
package struct DemoPromise: Equatable, Sendable {
  package let what: String
  package let measured: String
  package let promised: String
  package let isKept: Bool

  init(_ what: String, _ measured: Duration, below limit: Duration, _ why: String) {
    self.init(
      what, measured: "\(measured.inSeconds(decimals: 2)) s",
      promised: "below \(limit.inSeconds(decimals: 1)) s (\(why))", isKept: measured < limit)
  }

  init(_ what: String, measured: String, promised: String, isKept: Bool) {
    self.what = what
    self.measured = measured
    self.promised = promised
    self.isKept = isKept
  }

  /// The demo's summary.
  package static func table(_ promises: [DemoPromise]) -> TextTable {
    TextTable(
      header: ["", "WHAT", "MEASURED", "PROMISED"],
      rows: promises.map { [$0.isKept ? "✓" : "✗", $0.what, $0.measured, $0.promised] })
  }
}
