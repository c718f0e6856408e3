import ArgumentParser
import CommandLine
import Elector
import FaultCampaigns
import FoundationEssentials
import Glibc
import TestCluster

struct Chaos: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chaos",
    abstract: "Random faults, several at once, on masters and a store in network namespaces.",
    discussion: """
      Each master and each member of the store gets its own network namespace, with a router between them \
      that loses and delays packets. Until the time is over, bursts of random faults last 5 to 25 s each. \
      After each burst all faults end, and exactly one pod of each role has to run within the bound that is \
      printed at the start. All faults and their times follow from the seed.

      Needs root, network namespaces and /dev/net/tun. Exits 1 on a violation, and then keeps the logs. \
      docs/measured/chaos.md has the rules.

      Example:  zweimaster chaos --minutes 30 --seed 1 --store etcd
      """)

  @Option(help: "No burst begins later than this.") var minutes = 30.0
  @Option(help: "The seed of all faults. (default: a random one, which is printed)")
  var seed: UInt64?
  @Option(
    help: "\(ChaosStore.allCases.map(\.rawValue).joined(separator: ", ")); etcd has three members.")
  var store = ChaosStore.kvstore
  @Option(help: "How many masters.") var masters = 3
  @Option(help: ArgumentHelp("The leases' TTL.", valueName: "seconds")) var ttlSecs = 3
  @Option(
    help: "The electors' profile: strict, or podmaster, whose overlaps it finds. (default: none)",
    transform: { try Profile(flag: $0) })
  var profile: Profile?
  @Option(help: "How long the elected pods take to stop.")
  var stopAfter = GoDuration(.milliseconds(1_500))
  @Option(help: ArgumentHelp("The real etcd.", valueName: "program")) var etcd = "/usr/bin/etcd"
  @OptionGroup var page: StoryFileOptions
  @OptionGroup var state: StateOptions

  func validate() throws {
    guard self.minutes > 0 else { throw ValidationError("--minutes must be more than 0") }
    guard (2...9).contains(self.masters) else {
      throw ValidationError("--masters must be from 2 to 9, not \(self.masters)")
    }
    guard self.stopAfter.duration >= .zero else {
      throw ValidationError("--stop-after must not be negative, not \(self.stopAfter)")
    }
    guard self.store != .etcd || access(self.etcd, X_OK) == 0 else {
      throw ValidationError(
        "there is no \(self.etcd): install it with 'make deps', or name another with --etcd")
    }
    _ = try self.clusterConfiguration.timing()
  }

  func run() async throws {
    try ChaosRun.enterOwnNetwork()
    let console = Console()
    let seed = self.seed ?? UInt64.random(in: 0...999_999)
    let run = ChaosRun(
      configuration: self.clusterConfiguration, seed: seed, duration: .seconds(self.minutes * 60),
      records: self.page.html != nil)
    console.line(
      """
      seed \(seed): \(self.masters) masters on \(self.store.rawValue), leases of \(self.ttlSecs) s, pods that take \
      \(self.stopAfter) to stop; a pod has to run within \(try run.bound().inSeconds(decimals: 2)) s after the faults
      the router itself loses and delays packets, through a TUN device, and not tc netem
      """)
    let isNew = !FileManager.default.fileExists(atPath: self.state.directory)
    // The last burst begins before the time is over, and is judged after it.
    let task = LongTask("", of: 0, usual: run.duration + run.usualRest)
    let report = try await console.progress.during(task) {
      try await console.untilSignal(logs: self.state.directory) {
        try await run.run { console.line("\(WallTime.now) \($0)") }
      }
    }
    console.line("\nseed \(seed), \(self.store.rawValue)\n\n\(report.markdown)")
    if report.violations.isEmpty {
      console.line("\nEverything was as promised.")
    } else {
      console.line("\nNot everything was as promised; logs are in \(self.state.directory):")
      for violation in report.violations { console.line("  \(violation)") }
    }
    try self.page.write(report.story.map { [$0] } ?? [], console)
    guard report.violations.isEmpty else { throw ExitCode.failure }
    if isNew { try FileManager.default.removeItem(atPath: self.state.directory) }
  }

  private var clusterConfiguration: ClusterConfiguration {
    ClusterConfiguration(
      masters: self.masters,
      store: self.store == .etcd ? .etcd(executable: self.etcd, members: 3) : .kvstore,
      api: self.store == .kvstoreV3 ? .v3 : .v2,
      ttlSeconds: self.ttlSecs, sleep: .milliseconds(500), podStopTime: self.stopAfter.duration,
      profile: self.profile, stateDirectory: self.state.directory)
  }
}

/// The stores of `zweimaster chaos`.
enum ChaosStore: String, CaseIterable, ExpressibleByArgument {
  case kvstore
  case kvstoreV3 = "kvstore-v3"
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
