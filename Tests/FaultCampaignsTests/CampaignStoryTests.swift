import Elector
@testable import FaultCampaigns
import Stories
@testable import TestCluster
import Testing

/// What a campaign's recording says once it is judged.
struct CampaignStoryTests {
  private static let nodes = ["kube-master1", "kube-master2"]
  private static let origin = ContinuousClock.now

  /// Two nodes whose pods run one after the other, or overlap by half a second.
  private func recording(overlaps: Bool) -> Story {
    var log = PresenceLog()
    for (node, seconds) in [
      (Self.nodes[0], 1.0...5.0), (Self.nodes[1], (overlaps ? 4.0 : 6.0)...9.0),
    ] {
      for tick in 0..<40 {
        let time = Double(tick) / 4
        let instant = Self.origin + .seconds(time)
        for subject in [PresenceLog.Subject.manifest(.scheduler), .pod(.scheduler)] {
          log.record(
            subject, on: node, isPresent: seconds.contains(time), asked: instant, answered: instant)
        }
      }
    }
    var story = LiveStory(
      title: "live", layout: LiveLayout(ClusterConfiguration(masters: 2, stateDirectory: "x")),
      facts: ["a fact"], began: 0)
    story.see(.presence(log, origin: Self.origin), at: 10)
    story.see(
      .told(.fault, node: Self.nodes[0], "\(Fault.killElector)"), at: 11)
    return story.recording
  }

  private func result(_ verdict: FailureResult.Verdict) -> FailureResult {
    var facts = FailureFacts()
    facts.takeover = .milliseconds(2830)
    facts.goneAfter = .milliseconds(450)
    return FailureResult(
      row: "elector-sigkill", store: "kvstore", expected: "one leads within 5.8 s", facts: facts,
      ttl: .seconds(3), verdict: verdict)
  }

  private static let row = FailureRow.all[0]

  @Test func aRowThatIsAsItHasToBe() throws {
    let story = self.result(.ok).judged(
      self.recording(overlaps: false), of: Self.row, allowsOverlap: false)
    #expect(!story.isWrong)
    #expect(story.title == "elector-sigkill on kvstore")
    #expect(
      story.verdict
        == "As it has to be: one leads within 5.8 s. Measured: the leader's manifest was gone after 0.45 s, "
        + "the next one came after 2.83 s.")
    #expect(
      story.facts == [
        "What is done: the leader's elector is killed (SIGKILL); its guard lives.",
        "What has to follow: one leads within 5.8 s.", "a fact",
      ])
    // Manifest and pod of each node, in the rows of the node.
    for (name, from, to) in [(Self.nodes[0], 1.0, 5.25), (Self.nodes[1], 6.0, 9.25)] {
      for kind in [Story.Span.Kind.manifest, .pod] {
        let span = try #require(
          story.spans.first { $0.kind == kind && story.lanes[$0.place.lane].name == name })
        #expect(abs(span.from - from) < 0.001 && abs((span.to ?? 0) - to) < 0.001, "\(span)")
      }
    }
    let fault = try #require(story.marks.first { $0.kind == .fault })
    #expect(fault.place.map { story.lanes[$0.lane].name } == Self.nodes[0])
  }

  @Test func aRowThatFails() {
    let story = self.result(.failed(["the next manifest came after never, not 5.8 s"])).judged(
      self.recording(overlaps: false), of: Self.row, allowsOverlap: false)
    #expect(story.isWrong)
    #expect(story.verdict.hasPrefix("Not as it has to be: the next manifest came after never"))
  }

  /// The recording has eyes of its own; what they see is not hidden by a row that did not.
  @Test(arguments: [false, true]) func twoPodsAreWrongUnlessTheRowAllowsThem(isAllowed: Bool) {
    let story = self.result(.ok).judged(
      self.recording(overlaps: true), of: Self.row, allowsOverlap: isAllowed)
    #expect(story.isWrong != isAllowed)
    #expect(story.marks.contains { $0.kind == .violation } != isAllowed)
    #expect(story.marks.contains { $0.text.hasSuffix("which this row allows") } == isAllowed)
    #expect(story.verdict.hasPrefix(isAllowed ? "As it has to be" : "Two at once"))
  }

  @Test func aRunOfRandomFaultsNamesWhatWasBroken() {
    let now = ContinuousClock.now
    func report(_ problems: [String]) -> ChaosReport {
      ChaosReport(
        bursts: [
          .init(
            number: 1, kinds: [.delay, .killGuard], healed: now, counted: nil, end: now,
            problems: problems)
        ], log: PresenceLog(), bound: .milliseconds(5_800))
    }
    let good = report([]).judged(self.recording(overlaps: false), seed: 11)
    #expect(!good.isWrong && good.title == "Random faults, seed 11")
    #expect(
      good.verdict == "Everything was as promised: 2 faults in one burst, 0 looks, never two pods.")
    let bad = report((1...9).map { "process \($0) does not run" }).judged(
      self.recording(overlaps: false), seed: 11)
    #expect(bad.isWrong)
    #expect(bad.verdict.hasPrefix("burst 1: process 1 does not run; "))
    #expect(bad.verdict.contains("process 3") && !bad.verdict.contains("process 4"))
    #expect(bad.verdict.contains("; and 6 more. Played: 2 faults"))
  }

  /// A reader who does not know the rows' names reads what is done.
  @Test func eachRowSaysWhatIsDone() {
    let words = FailureRow.all.map { "\($0.fault)" }
    #expect(Set(words).count == words.count)
    for text in words {
      #expect(!text.contains(/[a-z][A-Z]|Optional\(|\w\(\w+:|\d\.\d{3,}/), "\(text)")
    }
  }
}
