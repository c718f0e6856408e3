import ArgumentParser
import CommandLine
import Elector
import FaultCampaigns
import FoundationEssentials
import Glibc
import Synchronization
import TestCluster

/// `zweimaster chaos`: random faults on real processes over a network of their own.
struct Chaos: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chaos",
    abstract: "Random faults, several at once, on masters and a store in network namespaces.",
    discussion: """
      Each master and each member of the store gets a network namespace of its own, with a router between \
      them that loses and delays packets. Then, until the time is over: a burst of random faults of 5 to 25 \
      s, the end of all of them, and a quiet time in which exactly one pod of each role has to run within the \
      bound that it prints. All faults and their times follow from the seed.

      Needs root, network namespaces and /dev/net/tun. Exits 1 on a violation; then what the processes have \
      written is kept. docs/chaos.md has the rule.

      Example:  zweimaster chaos --minutes 30 --seed 1 --store etcd
      """)

  @Option(help: "No burst begins later than that.") var minutes = 30.0
  @Option(help: "What all faults follow from. (default: a new one, which is printed)")
  var seed: UInt64?
  @Option(
    help: "\(ChaosStore.allCases.map(\.rawValue).joined(separator: " or ")), of three members.")
  var store = ChaosStore.kvstore
  @Option(help: "How many masters.") var masters = 3
  @Option(help: ArgumentHelp("The leases' time to live.", valueName: "seconds")) var ttlSecs = 3
  @Option(
    help: """
      The electors' profile: strict or podmaster, whose overlaps it finds. (default: none)
      """, transform: { try Profile(flag: $0) })
  var profile: Profile?
  @Option(help: "How long the elected pods take to stop.")
  var stopAfter = GoDuration(.milliseconds(1_500))
  @Option(help: ArgumentHelp("The real etcd.", valueName: "program")) var etcd = "/usr/bin/etcd"
  @OptionGroup var state: StateOptions

  func validate() throws {
    guard self.minutes > 0 else { throw ValidationError("--minutes must be more than 0") }
    guard (2...9).contains(self.masters) else {
      throw ValidationError("--masters is \(self.masters), but it has to be from 2 to 9")
    }
    guard self.stopAfter.duration >= .zero else {
      throw ValidationError("--stop-after is \(self.stopAfter), but it cannot be negative")
    }
    guard self.store == .kvstore || access(self.etcd, X_OK) == 0 else {
      throw ValidationError(
        "there is no \(self.etcd): make deps installs it, or name it with --etcd")
    }
    _ = try self.clusterConfiguration.timing()
  }

  func run() async throws {
    try ChaosRun.enterOwnNetwork()
    let console = Console()
    let seed = self.seed ?? UInt64.random(in: 0...999_999)
    let run = ChaosRun(
      configuration: self.clusterConfiguration, seed: seed, duration: .seconds(self.minutes * 60))
    console.line(
      """
      seed \(seed): \(self.masters) masters on \(self.store.rawValue), leases of \(self.ttlSecs) s, pods that take \
      \(self.stopAfter) to stop; a pod has to run within \(try run.bound().inSeconds(decimals: 2)) s after the faults
      packets are lost and delayed by the router itself, through a TUN device, and not by tc netem
      """)
    let isNew = !FileManager.default.fileExists(atPath: self.state.directory)
    let result = Mutex<ChaosReport?>(nil)
    do {
      try await untilSignal {
        let report = try await run.run { console.line("\(WallTime.now) \($0)") }
        result.withLock { $0 = report }
      }
    } catch is CancellationError {
      console.line("\nInterrupted; all is down. Logs are in \(self.state.directory).")
      throw ExitCode(130)
    }
    guard let report = result.withLock({ $0 }) else { throw ExitCode.failure }
    console.line("\nseed \(seed), \(self.store.rawValue)\n\n\(report.markdown)")
    guard report.violations.isEmpty else {
      console.line("\nNot as promised; logs are in \(self.state.directory):")
      for violation in report.violations { console.line("  \(violation)") }
      throw ExitCode.failure
    }
    console.line("\nAll was as promised.")
    if isNew { try FileManager.default.removeItem(atPath: self.state.directory) }
  }

  private var clusterConfiguration: ClusterConfiguration {
    ClusterConfiguration(
      masters: self.masters,
      store: self.store == .kvstore ? .kvstore : .etcd(executable: self.etcd, api: .v2, members: 3),
      ttlSeconds: self.ttlSecs, sleep: .milliseconds(500), podStopTime: self.stopAfter.duration,
      profile: self.profile, stateDirectory: self.state.directory)
  }
}

/// The stores that chaos is made on.
enum ChaosStore: String, CaseIterable, ExpressibleByArgument {
  case kvstore
  case etcd
}

/// The time of day, as the processes' logs have it.
private enum WallTime {
  static var now: String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    var day = tm()
    localtime_r(&time.tv_sec, &day)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let fraction = String("\(1_000 + time.tv_nsec / 1_000_000)".dropFirst())
    return "\(two(day.tm_hour)):\(two(day.tm_min)):\(two(day.tm_sec)).\(fraction)"
  }
}
