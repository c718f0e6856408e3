import Elector
import Testing

@testable import FaultCampaigns
@testable import TestCluster

@Suite struct FailureRowTests {
  /// A lease of 3 s: gone after 2 s, a lock-delay of 1.75 s.
  private static func timing(_ profile: Profile? = nil) throws -> Timing {
    try Timing(
      ttlSeconds: 3, sleep: .milliseconds(500), profile: profile,
      podStop: PodStop(
        detection: .milliseconds(500), youngDetection: .milliseconds(500), grace: .seconds(2)))
  }

  private static func row(_ name: String) throws -> FailureRow {
    try #require(try FailureRow.named([name]).first)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var row: String
    var change: @Sendable (inout FailureFacts) -> Void
    /// The text of the only problem; `nil` for none.
    var problem: String?

    var testDescription: String { "\(self.row): \(self.problem ?? "ok")" }
  }

  /// Facts with which the row passes.
  private static func good(_ row: FailureRow) -> FailureFacts {
    var facts = FailureFacts()
    switch row.expectation {
    case .takeover(let successor, _):
      (facts.takeover, facts.successor) = (.seconds(1), successor == .leader ? .leader : .other)
    case .retreat, .kept: facts.takeover = .seconds(1)
    case .noChange(let isRestored):
      facts.isSameTerm = true
      if isRestored { facts.takeover = .milliseconds(100) }
    case .sameTerm: facts.isSameTerm = true
    case .oneAtTheEnd: break
    }
    if row.goneWithin != nil { facts.goneAfter = .milliseconds(500) }
    return facts
  }

  @Test(arguments: FailureRow.all.map(\.name))
  func `each row can be all right, and its expectation has words`(name: String) throws {
    let row = try Self.row(name)
    let timing = try Self.timing()
    #expect(row.problems(Self.good(row), timing, slack: .seconds(1)) == [])
    #expect(!row.expectation(timing, slack: .seconds(1)).isEmpty)
  }

  @Test(arguments: FailureRow.all.map(\.name))
  func `two pods or two manifests at once fail every row that has no exception`(name: String) throws
  {
    let row = try Self.row(name)
    var facts = Self.good(row)
    facts.podOverlap = .milliseconds(30)
    facts.manifestOverlap = .milliseconds(40)
    guard row.exception == nil else {
      #expect(row.problems(facts, try Self.timing(), slack: .seconds(1)) == [])
      #expect(
        row.expectation(try Self.timing(), slack: .seconds(1)).hasSuffix("; two pods may run"))
      return
    }
    // Without elector and guard the manifest stays, and its pod ends by itself.
    let manifests =
      row.fault == .killContainer ? [] : ["two manifests at once for 0.04 s"]
    #expect(
      row.problems(facts, try Self.timing(), slack: .seconds(1))
        == ["two pods at once for 0.03 s"] + manifests)
  }

  @Test func `podmaster's timing promises less`() throws {
    let timing = try Self.timing(.podmaster)
    let row = try Self.row("elector-sigstop")
    var facts = Self.good(row)
    facts.podOverlap = timing.podOutlivesLease()
    #expect(row.problems(facts, timing, slack: .seconds(1)) == [])
    facts.podOverlap += .milliseconds(1)
    #expect(row.problems(facts, timing, slack: .seconds(1)).count == 1)
  }

  @Test(arguments: [
    Case(
      row: "elector-sigkill", change: { $0.goneAfter = .milliseconds(1_001) },
      problem: "the manifest was gone after 1.00 s, not 1.00 s"),
    Case(
      row: "elector-sigkill", change: { $0.goneAfter = nil },
      problem: "the manifest was gone after never, not 1.00 s"),
    Case(row: "elector-sigkill", change: { $0.successor = .leader }, problem: nil),
    Case(
      row: "elector-sigstop", change: { $0.successor = .leader },
      problem: "it came to the wrong node"),
    Case(
      row: "elector-sigstop", change: { $0.takeover = .milliseconds(5_800) },
      problem: "the next manifest came after 5.80 s, not 5.75 s"),
    Case(
      row: "elector-sigterm", change: { $0.isSameTerm = true },
      problem: "the term is still the same"),
    Case(row: "store-restored", change: { $0.isSameTerm = true }, problem: nil),
    Case(
      row: "store-silent", change: { $0.intruders = ["kube-master2"] },
      problem: "kube-master2 led without a store"),
    Case(
      row: "disk-hangs", change: { $0.intruders = ["kube-master2"] },
      problem: "kube-master2 led before the leader could leave"),
    Case(
      row: "disk-read-only", change: { $0.takeover = .seconds(4) },
      problem: "the next manifest came after 4.00 s, not 3.00 s"),
    Case(
      row: "same-identity", change: { $0.isReported = false },
      problem: "no elector logged \"the key is held under our own name\""),
    Case(
      row: "clock-plus-1h", change: { $0.goneAfter = .seconds(4) },
      problem: "the manifest was gone after 4.00 s"),
    Case(row: "dest-deleted", change: { $0.goneAfter = .milliseconds(20) }, problem: nil),
    Case(
      row: "dest-deleted", change: { $0.takeover = .seconds(2) },
      problem: "the manifest was right again after 2.00 s, not 1.00 s"),
    Case(
      row: "store-restarted", change: { $0.isSameTerm = false }, problem: "the term has changed"),
  ])
  func `what is not as it should be is told`(_ what: Case) throws {
    let row = try Self.row(what.row)
    var facts = Self.good(row)
    what.change(&facts)
    #expect(
      row.problems(facts, try Self.timing(), slack: .seconds(1))
        == (what.problem.map { [$0] } ?? []))
  }

  @Test func `of several rounds the worst counts`() {
    var (quick, slow) = (FailureFacts(), FailureFacts())
    (quick.takeover, quick.podOverlap, quick.isReported) = (.seconds(1), .milliseconds(5), false)
    (slow.takeover, slow.podOverlap, slow.isSameTerm) = (.seconds(2), .milliseconds(6), true)
    let worst = slow.worst(quick)
    #expect(worst == quick.worst(slow))
    #expect(worst.takeover == .seconds(2))
    #expect(worst.podOverlap == .milliseconds(11))
    #expect(worst.isSameTerm && !worst.isReported)
  }

  @Test func `names are unique, and an unknown one is told`() {
    #expect(Set(FailureRow.all.map(\.name)).count == FailureRow.all.count)
    let error = #expect(throws: ClusterError.self) { try FailureRow.named(["elector-sigkil"]) }
    #expect(error == .unknownRow("elector-sigkil", known: FailureRow.all.map(\.name)))
    #expect(
      error?.description.hasPrefix(
        "there is no row elector-sigkil: the rows are elector-sigkill, ") == true)
  }

  @Test func `a time of day is read from klog's lines`() throws {
    let time = try #require(KlogTime.read("I1124 11:03:38.123456    8213 Main.swift:1] x"))
    #expect(time == .seconds((11 * 60 + 3) * 60 + 38))
    #expect(KlogTime.read("kubelet: port 11:03:38.1") == nil)
    // Over midnight, too.
    #expect((Duration.seconds(1_800) - .seconds(84_600)).isAbout(.seconds(3_600)))
    #expect(!(Duration.seconds(0)).isAbout(.seconds(3_600)))
  }
}
