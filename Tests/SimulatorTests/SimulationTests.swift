import Elector
import EtcdClient
import Foundation
import SeededRandom
import TestSupport
import Testing

@testable import Simulator

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct SimulationTests {
  /// Until a seed is bad.
  private func run<Core: ElectionCore>(
    _ core: Core.Type, _ seeds: Range<UInt64>, _ scenario: Scenario = Scenario()
  ) async throws -> Campaign.Summary {
    let campaign = Campaign(scenario, from: seeds.lowerBound, seeds: UInt64(seeds.count))
    return try await onThreadOfItsOwn { campaign.run(of: core) }
  }

  /// `SIM_SEED=… SIM_SEEDS=…` for others, and for more of them.
  @Test func nothingIsEverWrong() async throws {
    let environment = ProcessInfo.processInfo.environment
    let first = environment["SIM_SEED"].flatMap { UInt64($0) } ?? 0
    let count = environment["SIM_SEEDS"].flatMap { UInt64($0) } ?? 24
    let summary = try await self.run(Election.self, first..<first + count)
    for violation in summary.violations {
      let story = Campaign(Scenario(), from: violation.seed, seeds: 1).story(of: violation.seed)
      Issue.record("seed \(violation.seed): \(violation.text)\n\(story.story.text)")
    }
    guard count >= 24 else { return }
    // A simulation in which nothing changes hands proves nothing.
    #expect(summary.terms > 24)
    #expect(summary.takeovers.count > 3)
    #expect(summary.faults.count > 15)
  }

  /// With changes of etcd's leader.
  @Test func nothingIsEverWrongByV3() async throws {
    var scenario = Scenario()
    scenario.api = .v3
    let summary = try await self.run(Election.self, 0..<40, scenario)
    for violation in summary.violations {
      let story = Campaign(scenario, from: violation.seed, seeds: 1).story(of: violation.seed)
      Issue.record("seed \(violation.seed): \(violation.text)\n\(story.story.text)")
    }
    #expect(summary.terms > 40)
    #expect(summary.faults[.changeLeader] ?? 0 > 20)
  }

  /// A seed has its API by chance, and is the same run as with that API by name.
  @Test func seedsChooseTheAPI() {
    var counts: [EtcdAPI: Int] = [:]
    for seed in 0..<100 as Range<UInt64> {
      let draw = Draw(Scenario(), seed: seed, faults: nil)
      counts[draw.api, default: 0] += 1
      var named = Scenario()
      named.api = draw.api
      #expect(Draw(named, seed: seed, faults: nil).faults == draw.faults)
      named.api = .v2
      let inV2 = Draw(named, seed: seed, faults: nil)
      #expect(inV2.faults == draw.faults.filter { $0.kind != .changeLeader })
      #expect(inV2.ttlSeconds == draw.ttlSeconds)
    }
    #expect(counts[.v2] ?? 0 > 30 && counts[.v3] ?? 0 > 30 && counts[.auto] == nil)
  }

  /// Elector and guard may die at one instant then.
  @Test func aKubeletEndsThePodOfElectorsThatAreGone() async throws {
    var scenario = Scenario()
    scenario.manifestDeadline = true
    let summary = try await self.run(Election.self, 0..<24, scenario)
    for violation in summary.violations {
      Issue.record("seed \(violation.seed): \(violation.text)")
    }
    #expect(summary.expiries > 0)
    #expect(summary.faults[.killUnit] ?? 0 > 0)
  }

  @Test(arguments: [EtcdAPI.v2, .v3]) func aSeedGivesTheSameRunEachTime(api: EtcdAPI) {
    func text(_ seed: UInt64) -> String {
      var scenario = Scenario()
      scenario.api = api
      var simulation = Simulation<Election>(scenario, seed: seed, tells: true)
      simulation.run()
      return simulation.story.text
    }
    #expect(text(7).contains("serves etcd's \(api) API"))
    #expect(text(7) == text(7))
    #expect(text(7) != text(8))
    #expect(text(7).contains("wins the lease"))
  }

  /// It has to be able to fail: the original's split brain is found, told, and told with no fault that does
  /// not matter.
  @Test func theOriginalsSplitBrainIsFoundAndTold() async throws {
    var scenario = Scenario()
    scenario.api = .v2
    let violation = try #require(
      try await self.run(Podmaster.self, 0..<100, scenario).violations.first)
    #expect(violation.text.hasSuffix("both run the pod"))
    let campaign = Campaign(scenario, from: violation.seed, seeds: 1)
    let telling = try await onThreadOfItsOwn {
      campaign.story(of: violation.seed, by: Podmaster.self)
    }
    #expect(telling.violation != nil)
    #expect(telling.story.text.contains("VIOLATION"))
    for index in telling.faults.indices {
      var fewer = telling.faults
      fewer.remove(at: index)
      var simulation = Simulation<Podmaster>(campaign.scenario, seed: violation.seed, faults: fewer)
      simulation.run()
      #expect(simulation.result.violation == nil, "without \(telling.faults[index])")
    }
  }

  /// Few seeds have a quiet moment for them otherwise.
  @Test func disksThatFailAndMachinesThatArePausedBringUpNoSecondPod() async throws {
    var scenario = Scenario()
    scenario.faults = [.hungDisk, .readOnlyDisk, .pauseMachine, .stepDown, .restartUnit]
    let summary = try await self.run(Election.self, 0..<60, scenario)
    for violation in summary.violations {
      let story = Campaign(scenario, from: violation.seed, seeds: 1).story(of: violation.seed)
      Issue.record("seed \(violation.seed): \(violation.text)\n\(story.story.text)")
    }
    for kind in [SimulatedFault.Kind.hungDisk, .readOnlyDisk, .pauseMachine] {
      #expect(summary.faults[kind] ?? 0 > 5, "\(kind)")
    }
  }

  @Test(arguments: [EtcdAPI.v2, .v3])
  func withoutFaultsNobodyLosesTheLock(api: EtcdAPI) async throws {
    var scenario = Scenario()
    scenario.api = api
    scenario.faults = []
    let summary = try await self.run(Election.self, 0..<4, scenario)
    #expect(summary.violations.isEmpty)
    #expect(summary.terms == 4)
    #expect(summary.takeovers.isEmpty)
  }
}

@Suite struct SimulatorPartTests {
  private func run(_ herd: ThunderingHerd) async throws -> ThunderingHerd.Report {
    try await onThreadOfItsOwn { herd.run() }
  }

  @Test(arguments: [-100_000, 0, 1, 99_999, 100_000] as [Int64])
  func aClockIsReadAndAskedBack(gain: Int64) {
    let clock = NodeClock(bootedAt: 17, gain: gain)
    for reading in [0, 1, 999_999_999, 1_000_000_000, 86_400_000_000_123] as [Nanoseconds] {
      let at = clock.time(of: reading)
      #expect(clock.reading(at: at) >= reading)
      #expect(clock.reading(at: at - 1) < reading)
    }
  }

  @Test(arguments: [-100_000, 0, 100_000] as [Int64])
  func aClockThatStandsShowsNothingNew(gain: Int64) {
    var clock = NodeClock(bootedAt: 0, gain: gain)
    let before = clock.reading(at: .seconds(10))
    let due = clock.time(of: .seconds(20))
    clock.stand(during: .seconds(10)..<(.seconds(40)))
    clock.stand(during: .seconds(60)..<(.seconds(61)))
    #expect(clock.reading(at: .seconds(25)) == before)
    #expect(clock.reading(at: .seconds(40)) == before)
    #expect(clock.time(of: .seconds(20)) == due + .seconds(30))
    #expect(clock.time(of: before) <= .seconds(10))
    #expect(clock.reading(at: clock.time(of: before)) >= before)
  }

  @Test(arguments: [-100_000, 0, 100_000] as [Int64])
  func anotherMachinesClockGoesOnFromThere(gain: Int64) {
    var clock = NodeClock(bootedAt: -.seconds(1_000), gain: 77)
    let now = Nanoseconds.seconds(500)
    let before = clock.reading(at: now)
    clock.pass(toGain: gain, at: now)
    #expect((0...1_000_000).contains(clock.reading(at: now) - before))
    let later = clock.reading(at: now + .seconds(1_000)) - clock.reading(at: now)
    #expect(later == .seconds(1_000) + gain * 1_000)
  }

  @Test func whatIsDueAtOneInstantKeepsItsOrder() {
    var agenda = Agenda<Int>()
    for number in 0..<20 { agenda.add(number, at: Int64(number % 3)) }
    var order: [Int] = []
    while let next = agenda.next() { order.append(next.what) }
    #expect(order == (0..<20).sorted { ($0 % 3, $0) < ($1 % 3, $1) })
  }

  @Test func faultsBeginWithinTheirWindow() {
    var chance = SeededGenerator(seed: 1)
    var kinds: Set<SimulatedFault.Kind> = []
    for _ in 0..<200 {
      for fault in SimulatedFault.plan(
        nodes: 3, window: .seconds(120), kinds: SimulatedFault.Kind.allCases, with: &chance)
      {
        kinds.insert(fault.kind)
        #expect((0...Nanoseconds.seconds(120)).contains(fault.begin) && fault.begin <= fault.end)
      }
    }
    #expect(kinds.count == SimulatedFault.Kind.allCases.count)
  }

  @Test func allOfAHerdAreTakenOver() async throws {
    var herd = ThunderingHerd(elections: 20, requestTime: .microseconds(250))
    herd.ttlSeconds = 10
    herd.sleep = .seconds(2)
    let report = try await self.run(herd)
    #expect(report.violation == nil)
    #expect(report.takeovers.count == 20 && report.losses == 0)
    // Each lease was renewed within the two seconds before, and then had to end.
    #expect(report.takeovers.allSatisfy { (7.5..<13).contains($0) })
    #expect(report.usualLoad > 0 && report.peak > 0)
    #expect(try await self.run(herd).takeovers == report.takeovers)
  }

  @Test func aStoreThatIsBusyAllTheTimeCostsLeases() async throws {
    var herd = ThunderingHerd(elections: 20, requestTime: .milliseconds(50))
    herd.ttlSeconds = 10
    herd.sleep = .seconds(2)
    #expect(try await self.run(herd).losses > 0)
  }

  /// Without a watch the lease's end is found by looking, so that the jitter of the looks shows.
  @Test func jitterSpreadsThoseWhoComeBack() async throws {
    func peak(isJittered: Bool) async throws -> Int {
      var herd = ThunderingHerd(elections: 100, requestTime: .microseconds(250))
      (herd.isJittered, herd.blow) = (isJittered, .storeRestarts)
      return try await self.run(herd).peak
    }
    let (spread, together) = try await (peak(isJittered: true), peak(isJittered: false))
    #expect(spread < together)
  }

  @Test func aPlotHasALineForEachSeries() {
    let plot = LinePlot(
      "t", x: "x", y: "y", lines: [.init("a", [(0, 0), (1, 7)]), .init("b", [(0, 3), (3, 4)])])
    let lines = plot.svg.split(separator: "\n").filter { $0.hasPrefix("<polyline") }
    // The first tick beyond 7 is at the top, 3 is at the right.
    #expect(lines.count == 2)
    #expect(lines[0].contains("points=\"70,350 283.33,50\""))
    #expect(lines[1].contains("710,"))
  }
}
