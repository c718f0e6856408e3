import Elector
import Testing

@testable import Simulator

@Suite(.timeLimit(.minutes(10))) struct SimulationTests {
  /// `SIM_SEEDS` and `SIM_SEED` for more of them, and for one again.
  @Test(arguments: 0..<4) func nothingIsEverWrong(_ batch: UInt64) {
    let campaign = Campaign(Scenario(), from: batch * 15, seeds: 15)
    let summary = campaign.run()
    for violation in summary.violations {
      Issue.record(
        "seed \(violation.seed): \(violation.text)\n\(campaign.story(of: violation.seed).story.text)"
      )
    }
    // A simulation in which nothing changes hands proves nothing.
    #expect(summary.runs == 15)
    #expect(summary.terms > 15)
    #expect(summary.takeovers.count > 3)
    #expect(summary.faults.count > 10)
  }

  @Test func aSeedGivesTheSameRunEachTime() {
    func text(_ seed: UInt64) -> String {
      Campaign(Scenario(), from: seed, seeds: 1).story(of: seed).story.text
    }
    #expect(text(7) == text(7))
    #expect(text(7) != text(8))
    #expect(text(7).contains("acquired"))
  }

  /// It has to be able to fail.
  @Test func theOriginalsSplitBrainIsFoundAndTold() throws {
    let campaign = Campaign(Scenario(), from: 0, seeds: 100)
    let summary = campaign.run(of: Podmaster.self)
    let violation = try #require(summary.violations.first)
    #expect(violation.text.hasSuffix("both run the pod"))
    let telling = campaign.story(of: violation.seed, by: Podmaster.self)
    #expect(telling.violation != nil)
    #expect(telling.story.text.contains("VIOLATION"))
  }

  @Test func withoutFaultsNobodyLosesTheLock() {
    var scenario = Scenario()
    scenario.faults = []
    let summary = Campaign(scenario, from: 0, seeds: 10).run()
    #expect(summary.violations.isEmpty)
    #expect(summary.terms == 10)
    #expect(summary.takeovers.isEmpty)
  }

  @Test func aStoryIsShrunkToTheFaultsThatMatter() throws {
    let campaign = Campaign(Scenario(), from: 0, seeds: 100)
    let violation = try #require(campaign.run(of: Podmaster.self).violations.first)
    let telling = campaign.story(of: violation.seed, by: Podmaster.self)
    for index in telling.faults.indices {
      var fewer = telling.faults
      fewer.remove(at: index)
      var simulation = Simulation<Podmaster>(campaign.scenario, seed: violation.seed, faults: fewer)
      simulation.run()
      #expect(simulation.result.violation == nil, "without \(telling.faults[index])")
    }
  }

  @Test func thePictureHasALaneForEachPart() {
    let picture = Campaign(Scenario(), from: 3, seeds: 1).story(of: 3).story.svg
    #expect(picture.hasPrefix("<svg "))
    for lane in ["lease", "store", "node0 elector", "node1 guard", "node1 pod"] {
      #expect(picture.contains(">\(lane)</text>"), "\(lane)")
    }
  }
}

@Suite struct SimulatorPartTests {
  @Test(arguments: [-100_000, 0, 1, 99_999, 100_000] as [Int64])
  func aClockIsReadAndAskedBack(gain: Int64) {
    let clock = NodeClock(bootedAt: 17, gain: gain)
    for reading in [0, 1, 999_999_999, 1_000_000_000, 86_400_000_000_123] as [Nanoseconds] {
      let at = clock.time(of: reading)
      #expect(clock.reading(at: at) >= reading)
      #expect(clock.reading(at: at - 1) < reading)
    }
  }

  @Test func whatIsDueAtOneInstantKeepsItsOrder() {
    var agenda = Agenda<Int>()
    for number in 0..<20 { agenda.add(number, at: Int64(number % 3)) }
    var order: [Int] = []
    while let next = agenda.next() { order.append(next.what) }
    #expect(order == (0..<20).sorted { ($0 % 3, $0) < ($1 % 3, $1) })
  }

  @Test func faultsBeginWithinTheirWindow() {
    var chance = Chance(seed: 1)
    var kinds: Set<Fault.Kind> = []
    for _ in 0..<200 {
      for fault in Fault.plan(
        nodes: 3, window: .seconds(120), kinds: Fault.Kind.allCases, with: &chance)
      {
        kinds.insert(fault.kind)
        #expect((0...Nanoseconds.seconds(120)).contains(fault.begin) && fault.begin <= fault.end)
      }
    }
    #expect(kinds.count == Fault.Kind.allCases.count)
  }
}
