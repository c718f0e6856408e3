import ArgumentParser
import Elector
import FoundationEssentials
import Synchronization
import TestCluster

struct Demo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "See it all in half a minute: two masters, a crash, a return, a hand-over.",
    discussion: """
      Exits 0 when everything was as promised, else 1; then the logs are kept.

      Example:  zweimaster demo
                zweimaster demo --ttl-secs 30 --sleep 5s    (the recipe's own timing)
      """)

  @OptionGroup var options: ClusterOptions

  func validate() throws {
    guard self.options.masters >= 2 else {
      throw ValidationError("--masters is 1, but somebody has to take over: use 2 or more")
    }
  }

  func run() async throws {
    let console = Console()
    let directory = self.options.state.directory
    let isNew = !FileManager.default.fileExists(atPath: directory)
    let configuration = try self.options.configuration(report: { console.line("   - \($0)") })
    let timing = try configuration.timing()
    let checks = Mutex<[Check]>([])
    var wasInterrupted = false
    do {
      try await untilSignal {
        let story = Story(configuration: configuration, timing: timing, console: console)
        let told = try await story.tell()
        checks.withLock { $0 = told }
      }
    } catch is CancellationError {
      wasInterrupted = true
    } catch {
      console.line("\nThe demo could not be told to its end; logs are in \(directory).")
      throw error
    }
    if wasInterrupted {
      console.line("\nInterrupted; all is down. Logs are in \(directory).")
      throw ExitCode(130)
    }
    let results = checks.withLock { $0 }
    console.line("\nSummary\n\n\(Check.table(results))\n")
    guard results.allSatisfy(\.isKept) else {
      console.line("Not everything was as promised; logs and manifests are in \(directory).")
      throw ExitCode.failure
    }
    console.line("Everything was as promised.")
    if isNew { try FileManager.default.removeItem(atPath: directory) }
  }
}

/// One promise, and what came of it.
struct Check: Equatable, Sendable {
  var what: String
  var measured: String
  var promised: String
  var isKept: Bool

  init(_ what: String, took: Duration, below limit: Duration, _ why: String) {
    self.what = what
    self.measured = "\(took.inSeconds(decimals: 2)) s"
    self.promised = "below \(limit.inSeconds(decimals: 1)) s (\(why))"
    self.isKept = took < limit
  }

  init(_ what: String, measured: String, promised: String, isKept: Bool) {
    self.what = what
    self.measured = measured
    self.promised = promised
    self.isKept = isKept
  }

  static func table(_ checks: [Check]) -> TextTable {
    TextTable(
      header: ["", "WHAT", "MEASURED", "PROMISED"],
      rows: checks.map { [$0.isKept ? "✓" : "✗", $0.what, $0.measured, $0.promised] })
  }
}

/// What the demo does and tells, step by step.
private struct Story: Sendable {
  let configuration: ClusterConfiguration
  /// What the electors reckon with.
  let timing: Timing
  let console: Console

  private var ttl: Duration { .seconds(self.configuration.ttlSeconds) }
  private var stopTime: Duration { self.configuration.podStopTime ?? .zero }
  /// How long to wait before giving up; a promise is broken long before.
  private var patience: Duration {
    self.ttl * 2 + self.timing.lockDelay + self.stopTime + .seconds(30)
  }

  func tell() async throws -> [Check] {
    self.step(
      1,
      """
      Bringing up a store and \(self.configuration.masters) masters.
         Each master is a fake kubelet, which runs what lies in its manifest directory, and two
         electors, which put the scheduler's or the controller manager's manifest there while they
         hold a lease in the store. A lease is valid for \(self.configuration.ttlSeconds) s. Who leads gives up a third of it
         early; who takes over from a master that left no word waits \(self.timing.lockDelay.inSeconds(decimals: 1)) s more, so that the old
         pod has surely ended by then. That wait is the lock-delay.
      """)
    let begin = ContinuousClock.now
    let (checks, processes) = try await Cluster.withRunning(self.configuration) { cluster in
      self.console.line("   - all processes run after \(Self.seconds(since: begin)) s")
      return try await ControlServer(cluster).serve {
        try await cluster.watched { monitor in
          do {
            var checks = try await self.elect(cluster)
            checks += try await self.crash(cluster, monitor)
            checks += try await self.handOver(cluster, monitor)
            checks.append(self.judge(monitor))
            self.step(5, "The end.")
            return (checks, await cluster.started)
          } catch {
            // Two leaders may well be why the story got stuck.
            _ = self.judge(monitor)
            throw error
          }
        }
      }
    }
    let left = processes.count(where: \.leavesSomething)
    self.console.line("   \(left == 0 ? "No process is left." : "\(left) processes are left!")")
    return checks + [
      Check(
        "processes left behind", measured: "\(left)", promised: "none", isKept: left == 0)
    ]
  }

  /// The first election.
  private func elect(_ cluster: Cluster) async throws -> [Check] {
    for role in Role.allCases {
      let leader = try await cluster.waitForLeader(of: role, within: self.patience)
      self.console.line("   - \(leader) was elected to run \(role.podName)")
    }
    let nodes = self.configuration.nodes
    let status = try await cluster.waitUntil("for the recipe's table", within: self.patience) {
      $0.pods.count == nodes.count + Role.allCases.count
        && $0.pods.allSatisfy { $0.status == "Running" }
    }
    self.show(status)
    let leaders = Role.allCases.map { status.leader(of: $0) ?? "nobody" }
    return [
      Check(
        "first election", measured: leaders.joined(separator: ", "),
        promised: "one leader for each of the two",
        isKept: !leaders.contains("nobody"))
    ]
  }

  /// `kill -9` of the whole master that runs the scheduler, and its return.
  private func crash(_ cluster: Cluster, _ monitor: Monitor) async throws -> [Check] {
    let victim = try await cluster.waitForLeader(of: .scheduler, within: self.patience)
    let roles = await self.roles(led: victim, cluster)
    self.step(2, "kill -9 of all of \(victim), which runs \(Self.names(roles)).")
    let killed = ContinuousClock.now
    try await cluster.kill(victim)
    self.console.line(
      "   Its lease lasts up to \(self.ttl.inSeconds()) s more; nobody else may lead before that, and then "
        + "the lock-delay begins.")
    let limit = self.timing.worstTakeover + .seconds(1)
    let promise = "TTL + lock-delay + 1 s"
    var checks: [Check] = []
    for role in roles {
      let stay = try await monitor.arrival(
        of: .pod(role), on: self.configuration.nodes.filter { $0 != victim }, after: killed,
        within: self.patience)
      let took = stay.from - killed
      self.console.line(
        "   \(stay.node) runs \(role.podName) \(took.inSeconds(decimals: 2)) s after the kill "
          + "(promised: below \(promise) = \(limit.inSeconds(decimals: 1)) s)")
      checks.append(
        Check("takeover of \(role.podName) after kill -9", took: took, below: limit, promise))
      try await cluster.waitForLeader(of: role, otherThan: victim, within: self.patience)
    }
    self.show(await cluster.status())
    self.step(3, "Bringing \(victim) back.")
    try await cluster.start(victim)
    let name = "podmaster-\(victim)"
    let status = try await cluster.waitUntil("for \(name)", within: self.patience) {
      $0.pods.contains { $0.name == name && $0.status == "Running" }
    }
    self.console.line("   It removed what it led before its crash, and now it stands by.")
    self.show(status)
    let stayed = roles.filter { status.runners(of: $0).contains(victim) }
    checks.append(
      Check(
        "a master that comes back does not interfere",
        measured: stayed.isEmpty ? "it stands by" : "it runs \(Self.names(stayed))",
        promised: "it stands by", isKept: stayed.isEmpty))
    return checks
  }

  /// A master that goes in good order.
  private func handOver(_ cluster: Cluster, _ monitor: Monitor) async throws -> [Check] {
    let leaving = try await cluster.waitForLeader(of: .scheduler, within: self.patience)
    let roles = await self.roles(led: leaving, cluster)
    self.step(
      4,
      """
      Stopping \(leaving), which runs \(Self.names(roles)), in good order.
         Its pods take \(self.stopTime.inSeconds(decimals: 1)) s to stop; only then may another master run them.
      """)
    let stopped = ContinuousClock.now
    try await cluster.stop(leaving)
    let limit = self.stopTime + .seconds(1)
    var checks: [Check] = []
    for role in roles {
      let stay = try await monitor.arrival(
        of: .pod(role), on: self.configuration.nodes.filter { $0 != leaving }, after: stopped,
        within: self.patience)
      let took = stay.from - stopped
      let gap = monitor.log.latest(of: .pod(role), on: leaving).map { stay.from - $0.to } ?? .zero
      self.console.line(
        "   \(stay.node) runs \(role.podName) \(took.inSeconds(decimals: 2)) s after SIGTERM "
          + "(promised: below the pod's stop time + 1 s = \(limit.inSeconds(decimals: 1)) s);\n"
          + "   nobody ran it for \(gap.inSeconds(decimals: 2)) s of that")
      checks.append(
        Check(
          "hand-over of \(role.podName) after SIGTERM", took: took, below: limit,
          "stop time + 1 s"))
      try await cluster.waitForLeader(of: role, otherThan: leaving, within: self.patience)
    }
    self.show(await cluster.status())
    return checks
  }

  /// Whether there were ever two.
  private func judge(_ monitor: Monitor) -> Check {
    let log = monitor.log
    for overlap in log.overlaps.prefix(5) { self.console.line("   ✗ \(overlap)") }
    return Check(
      "two leaders or two pods at once, in \(log.looks) looks",
      measured: log.overlaps.isEmpty ? "never" : "\(log.overlaps.count) times",
      promised: "never", isKept: log.overlaps.isEmpty && log.looks > 0)
  }

  private func roles(led node: String, _ cluster: Cluster) async -> [Role] {
    let status = await cluster.status()
    return Role.allCases.filter { status.leader(of: $0) == node }
  }

  private func step(_ number: Int, _ text: String) {
    self.console.line("\n\(number). \(text)")
  }

  private func show(_ status: ClusterStatus) {
    let view = status.view().split(separator: "\n", omittingEmptySubsequences: false)
    self.console.line("\n" + view.map { $0.isEmpty ? "" : "     \($0)" }.joined(separator: "\n"))
  }

  private static func names(_ roles: [Role]) -> String {
    roles.map(\.podName).joined(separator: " and ")
  }

  private static func seconds(since instant: ContinuousClock.Instant) -> String {
    (ContinuousClock.now - instant).inSeconds(decimals: 2)
  }
}
