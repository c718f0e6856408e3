import ArgumentParser
import CommandLine
import Elector
import EtcdClient
import FaultCampaigns
import Foundation
import Simulator

struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract:
      "Run whole clusters under simulated time, with faults, and check what must always hold.",
    discussion: """
      The cores of elector, guard, kvstore and kubelet run as shipped; clocks, network, disks and processes are \
      simulated. A run follows from its seed, bit for bit. Exits 1 at the first seed that breaks a rule, and \
      prints its story with the fewest faults that still show it.

      Example:  zweimaster simulate --seeds 10000
                zweimaster simulate --from 7 --story --html story.html
      """,
    subcommands: [SimulateHerd.self])

  @Option(help: "How many seeds.") var seeds: UInt64 = 1_000
  @Option(name: .customLong("from"), help: ArgumentHelp("The first one.", valueName: "seed"))
  var first: UInt64 = 0
  @Option(
    help: ArgumentHelp(
      "The store's API for the leases: v3 or v2. (default: one of them, by the seed)",
      valueName: "api"),
    transform: EtcdAPI.init(ofLeases:))
  var etcdApi: EtcdAPI?
  @Option(help: "How many masters. (default: 2 or 3, by the seed)") var masters: Int?
  @Option(
    help: ArgumentHelp(
      "Which faults: all, none, or names separated by commas: \(Self.names).", valueName: "list"))
  var faults = "all"
  @Option(
    help: ArgumentHelp(
      "The leases' TTL in seconds. (default: 3 to 30, by the seed)", valueName: "seconds"))
  var ttlSecs: Int64?
  @Option(
    help: ArgumentHelp(
      "The electors' --sleep. (default: 200ms to 6s, by the seed)", valueName: "duration"),
    transform: { try GoDuration(parsing: $0) })
  var sleep: GoDuration?
  @Option(
    help: ArgumentHelp(
      "The electors' profile: none, strict or podmaster. (default: none or strict, by the seed)",
      valueName: "profile"))
  var profile: String?
  @Option(
    help: ArgumentHelp(
      "Whether electors have --manifest-deadline: true or false. (default: true for three seeds in ten)",
      valueName: "bool"))
  var manifestDeadline: Bool?
  @Flag(help: "Print the first seed's story, and run no other seed.")
  var story = false
  @OptionGroup var page: StoryFileOptions

  private static let names = SimulatedFault.Kind.allCases.map(\.rawValue).joined(
    separator: ", ")

  private func kinds() throws -> [SimulatedFault.Kind] {
    if self.faults == "all" { return SimulatedFault.Kind.allCases }
    if self.faults == "none" { return [] }
    return try self.faults.split(separator: ",").map { name in
      guard let kind = SimulatedFault.Kind(rawValue: String(name)) else {
        throw ValidationError("--faults: \"\(name)\" is none of: \(Self.names)")
      }
      return kind
    }
  }

  private func scenario() throws -> Scenario {
    var scenario = Scenario()
    scenario.api = self.etcdApi ?? .auto
    scenario.masters = self.masters
    scenario.ttlSeconds = self.ttlSecs
    scenario.sleep = self.sleep?.duration
    scenario.manifestDeadline = self.manifestDeadline
    scenario.faults = try self.kinds()
    if let profile = self.profile {
      do throws(ProfileError) {
        scenario.profile = .some(profile == "none" ? nil : try Profile(flag: profile))
      } catch {
        throw ValidationError("\(error)")
      }
    }
    return scenario
  }

  func validate() throws {
    if self.seeds < 1 { throw ValidationError("--seeds must be at least 1") }
    if let masters, !(1...9).contains(masters) {
      throw ValidationError("--masters must be between 1 and 9, not \(masters)")
    }
    if let ttlSecs, !(1...3_600).contains(ttlSecs) {
      throw ValidationError("--ttl-secs must be between 1 and 3600, not \(ttlSecs)")
    }
    if let sleep, !(.milliseconds(1)...(.seconds(600))).contains(sleep.duration) {
      throw ValidationError("--sleep must be between 1ms and 10m, not \(sleep)")
    }
    _ = try self.scenario()
  }

  func run() throws {
    let campaign = Campaign(try self.scenario(), from: self.first, seeds: self.seeds)
    Interruption.endsAtOnce()
    let console = Console()
    if self.story {
      try self.tell(self.story(of: self.first, in: campaign, console), on: console)
      return
    }
    console.line("seeds \(self.first) to \(self.first + self.seeds - 1)")
    let begin = ContinuousClock.now
    let seeds = LongTask("seeds", of: Int(clamping: self.seeds))
    let summary = console.progress.during(seeds) {
      campaign.run { summary in
        console.progress.update { $0.done = Int(clamping: summary.runs) }
        return true
      }
    }
    self.show(summary, after: ContinuousClock.now - begin, on: console)
    guard let violation = summary.violations.first else {
      if let html = self.page.html {
        console.line("no page in \(html): nothing went wrong; --story writes the first seed's")
      }
      return
    }
    console.line("\nVIOLATION: seed \(violation.seed): \(violation.text)\n")
    try self.tell(self.story(of: violation.seed, in: campaign, console), on: console)
    throw ExitCode(1)
  }

  private static func days(_ span: Nanoseconds) -> String {
    "\((Double(span) / 86_400e9).rounded(2)) days"
  }

  private func show(_ summary: Campaign.Summary, after time: Duration, on console: Console) {
    let seconds = time / .seconds(1)
    let inFaults = summary.faults.sorted { $0.key.rawValue < $1.key.rawValue }
      .map { "\($0.key.rawValue) \($0.value)" }.joined(separator: ", ")
    func takeover(_ percent: Int) -> String {
      summary.takeover(percent: percent).map { "\($0.rounded(2))" } ?? "none"
    }
    console.line(
      """
      runs         \(summary.runs), \(summary.violations.isEmpty ? "no violation" : "one violation")
      simulated    \(Self.days(summary.simulated)) in \(seconds.rounded(1)) s: \(summary.steps) steps, \
      \((seconds * 1e6 / Double(max(1, summary.steps))).rounded(2)) µs each
      elections    \(summary.terms) leases won, \(summary.pods) pods started, \(summary.expiries) ended by \
      their own deadline
      faults       \(inFaults.isEmpty ? "none" : inFaults)
      takeovers    from the end of a pod to the start of the next one elsewhere, in lengths of a lease, faults \
      included: median \(takeover(50)), p99 \(takeover(99)), longest \(takeover(100))
      """)
  }

  private func story(
    of seed: UInt64, in campaign: Campaign, _ console: Console
  ) -> Campaign.Telling {
    console.progress.during(LongTask("leaving out the faults that it does not need", of: 0)) {
      campaign.story(of: seed)
    }
  }

  private func tell(_ telling: Campaign.Telling, on console: Console) throws {
    console.line(telling.story.text)
    try self.page.write([telling.story], console)
  }
}
