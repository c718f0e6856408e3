import Testing

@testable import FaultCampaigns
@testable import TestCluster

@Suite struct ChaosReportTests {
  private static let start = ContinuousClock.now

  private static func at(_ seconds: Double) -> ContinuousClock.Instant {
    self.start + .milliseconds(Int(seconds * 1000))
  }

  /// Looks every 100 ms, up to the end, that find both roles' pods in these stays: node, from, to in seconds.
  private static func log(
    _ stays: [(String, Double, Double)], until end: Double = 40
  ) -> PresenceLog {
    var log = PresenceLog()
    for tenth in 0...Int(end * 10) {
      let now = Double(tenth) / 10
      for node in ["a", "b", "c"] {
        for role in Role.allCases {
          log.record(
            .pod(role), on: node,
            isPresent: stays.contains { $0.0 == node && $0.1 <= now && now < $0.2 },
            asked: self.at(now), answered: self.at(now + 0.001))
        }
      }
    }
    return log
  }

  /// A burst that was over at 10 s.
  private static func report(
    _ log: PresenceLog, counted: Double? = 10, end: Double = 20, problems: [String] = []
  ) -> ChaosReport {
    ChaosReport(
      bursts: [
        ChaosReport.Burst(
          number: 1, kinds: [.killElector, .loss, .loss], healed: Self.at(10),
          counted: counted.map { Self.at($0) }, end: Self.at(end), problems: problems)
      ], log: log, bound: .seconds(6))
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// Where the pods were: node, from, to, in seconds.
    var stays: [(String, Double, Double)]
    var counted: Double? = 10
    /// The text of each violation; for two roles, so all but the overlaps come twice.
    var violation: String?
  }

  private static let cases: [Case] = [
    Case(testDescription: "it ran all the time", stays: [("a", 0, 30)]),
    Case(testDescription: "it moved during the burst", stays: [("a", 0, 5), ("b", 9, 30)]),
    Case(testDescription: "it came in time", stays: [("a", 0, 5), ("b", 15.5, 30)]),
    Case(
      testDescription: "it went after the burst and came in time",
      stays: [("a", 0, 11), ("b", 15, 30)]),
    Case(
      testDescription: "it came late", stays: [("a", 0, 5), ("b", 17, 30)],
      violation: "runs only 7.00 s after the faults, and not within 6.00 s"),
    Case(
      testDescription: "it came in time, and went again",
      stays: [("a", 0, 5), ("b", 12, 16), ("c", 17, 30)],
      violation: "runs only 7.00 s after the faults"),
    Case(
      testDescription: "the store itself was away for longer", stays: [("a", 0, 5), ("b", 17, 30)],
      counted: 13),
    Case(
      testDescription: "the store never came to rest", stays: [("a", 0, 5)], counted: nil),
    Case(
      testDescription: "it never came", stays: [("a", 0, 5)],
      violation: "runs at the end of the quiet time"),
    Case(
      testDescription: "it never ran at all", stays: [],
      violation: "runs at the end of the quiet time"),
    Case(
      testDescription: "it came when the quiet time was over", stays: [("a", 0, 5), ("b", 25, 30)],
      violation: "runs at the end of the quiet time"),
    Case(
      testDescription: "two ran at once during the burst", stays: [("a", 0, 6), ("b", 5, 30)],
      violation: "was on a and b at once for at least 0.8"),
    Case(
      testDescription: "two ran at once although the store never came to rest",
      stays: [("a", 0, 6), ("b", 5, 30)], counted: nil,
      violation: "was on a and b at once for at least 0.8"),
  ]

  @Test(arguments: cases) func `the rule`(example: Case) {
    let report = Self.report(Self.log(example.stays), counted: example.counted)
    if let violation = example.violation {
      #expect(report.violations.count == 2)
      #expect(report.violations.allSatisfy { $0.contains(violation) }, "\(report.violations)")
    } else {
      #expect(report.violations == [])
    }
  }

  @Test func `a process that does not come up is a violation`() {
    let report = Self.report(Self.log([("a", 0, 30)]), problems: ["store does not run"])
    #expect(report.violations == ["burst 1: store does not run"])
  }

  @Test func `gaps are counted over all of the run`() {
    let report = Self.report(Self.log([("a", 1, 5), ("b", 7, 9), ("b", 9.5, 30)], until: 20))
    let lengths = report.gaps(of: .scheduler).map { gap in
      gap.end.map { ($0 - gap.start).inSeconds(decimals: 1) }
    }
    #expect(lengths == ["2.0", "0.5"])
  }

  @Test func `the summary has the faults and the figures`() {
    let text = Self.report(Self.log([("a", 0, 5), ("b", 12, 30)])).markdown
    #expect(text.contains("| packets lost      | 2     |"))
    #expect(text.contains("| an elector killed | 1     |"))
    #expect(text.contains(/\| bursts of faults +\| 1 +\|/))
    #expect(
      text.contains(/\| these takeovers: median \/ p99 \/ max +\| 2.00 s \/ 2.00 s \/ 2.00 s \|/))
  }
}

@Suite struct StoreLogTests {
  private let start = ContinuousClock.now

  /// A member counted from 0, a time in seconds, and the leader that it names; `nil` for no answer.
  private func log(members: Int, _ answers: [(Int, Int, String?)]) -> StoreLog {
    var log = StoreLog(members: members, at: self.start)
    for (member, at, leader) in answers {
      log.record(leader, of: member, at: self.start + .seconds(at))
    }
    return log
  }

  @Test func `one member is ready when it answers`() {
    var log = self.log(members: 1, [(0, 1, "x"), (0, 2, "x")])
    #expect(log.isReady && log.changed == self.start + .seconds(1) && log.leaderChanges == 0)
    log.record(nil, of: 0, at: self.start + .seconds(3))
    #expect(!log.isReady)
    log.record("x", of: 0, at: self.start + .seconds(4))
    #expect(log.isReady && log.changed == self.start + .seconds(4) && log.leaderChanges == 0)
  }

  @Test func `three are ready when two answer, whoever comes and goes besides`() {
    let log = self.log(
      members: 3, [(0, 1, "x"), (1, 2, "x"), (2, 3, "x"), (0, 4, nil), (0, 5, "x")])
    #expect(log.isReady && log.changed == self.start + .seconds(2))
    #expect(!self.log(members: 3, [(0, 1, "x"), (1, 2, nil)]).isReady)
  }

  @Test func `another leader counts when the majority names it`() {
    let one = self.log(members: 3, [(0, 1, "x"), (1, 1, "x"), (2, 1, "x"), (2, 5, "y")])
    #expect(one.leader == "x" && one.changed == self.start + .seconds(1))
    let two = self.log(
      members: 3, [(0, 1, "x"), (1, 1, "x"), (2, 1, "x"), (2, 5, "y"), (1, 6, "y")])
    #expect(two.leader == "y" && two.changed == self.start + .seconds(6) && two.leaderChanges == 1)
  }
}
