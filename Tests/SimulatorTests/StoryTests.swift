import Elector
import EtcdClient
import Foundation
import Stories
import TestSupport
import Testing

@testable import Simulator

/// A run as a story for a reader who knows neither its code nor its language.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct StoryTests {
  private func story(_ seed: UInt64, _ scenario: Scenario = Scenario()) -> Story {
    var simulation = Simulation<Election>(scenario, seed: seed, tells: true)
    simulation.run()
    return simulation.story
  }

  /// What no sentence has: values as Swift prints them.
  private func expectEnglish(_ text: String, _ comment: Comment? = nil) {
    let isSwift =
      text.contains("Optional(") || text.contains(/\bnil\b/)
      // `case(label: …)`, `lowerCase`, `[value, …]`
      || text.contains(/\w\(\w+:\s/) || text.contains(/[a-z][A-Z]/) || text.contains(/[\[\]{}]/)
      // A duration's own words, and more digits than a reader wants.
      || text.contains(/\d seconds\b/) || text.contains(/\d\.\d{4,}/) || text.contains(/\d{9,}/)
    #expect(!isSwift, "\(text) \(comment ?? "")")
    #expect(text.first?.isWhitespace == false && text.last?.isWhitespace == false, "\(text)")
  }

  /// `SIM_STORIES=…` for more of them.
  @Test func noLineOfAStoryIsSwift() async throws {
    let environment = ProcessInfo.processInfo.environment
    let count = environment["SIM_STORIES"].flatMap { UInt64($0) } ?? 200
    let stories = try await onThreadOfItsOwn { (0..<count).map { self.story($0) } }
    var texts: Set<String> = []
    for story in stories {
      texts.formUnion([story.title, story.verdict] + story.facts)
      texts.formUnion(story.marks.map(\.text))
      texts.formUnion(story.spans.map(\.text))
    }
    #expect(texts.count > 500)
    for text in texts { self.expectEnglish(text) }
  }

  /// Those that are rare, too.
  @Test func everythingThatACoreReportsIsAPhrase() {
    let election: [Election.Report] = [
      .acquired(term: 7), .regained(term: 7), .lost(term: 7, .deadline),
      .lost(term: 7, .replaced(by: "node1")), .lost(term: 7, .removed), .leading,
      .following(leader: "node1"), .nameClash(term: 7), .neverEnds(holder: "node1"),
      .storeFails(reason: "timed out"), .storeAnswersAgain, .storeWentBack(from: 9, to: 3),
      .cannotInstall(reason: "no space left on device", retryIn: .milliseconds(821)),
      .podFails(reason: "it does not start", retryIn: .seconds(1) / 3),
      .steppingDown(for: .seconds(2) / 3), .steppingDown(for: nil), .resuming,
      .cannotRemove(reason: "read-only file system"), .diskFails(reason: "the disk hangs"),
      .sourceFails(reason: "there is none"), .waiting(term: 7, upTo: .seconds(26) / 3),
      .waiting(term: nil, upTo: .zero), .podHasEnded(term: 7), .recordFails(reason: "timed out"),
      .awaitingPodEnd, .podOverdue, .released(term: 7),
      .notReleased(term: 7, reason: "the pod still runs"),
    ]
    let guardian: [Guard.Report] = [
      .removed(0, .deadline), .removed(0, .electorGone), .refused(manifest: 0),
      .placeTaken(manifest: 0, by: "process 17"), .cannotRemove(reason: "read-only file system"),
      .left(reason: "read-only file system"),
      .electorEnded(.code(1), restartIn: .seconds(1) / 3),
      .notStarted(reason: "no such file", retryIn: .seconds(1)), .nonsense(.unknownKind(9)),
    ]
    for report in election { self.expectEnglish(report.phrase, "\(report)") }
    for report in guardian { self.expectEnglish(report.phrase, "\(report)") }
    for end in [ElectorEnd.code(0), .code(64), .signal(9), .signal(15)] {
      self.expectEnglish(end.phrase, "\(end)")
    }
    #expect(Set(election.map(\.phrase)).count == election.count)
    for kind in SimulatedFault.Kind.allCases {
      let fault = SimulatedFault(kind: kind, begin: 1, end: 1_234_567_890, node: 1, seed: 0)
      self.expectEnglish("\(fault)", "\(kind)")
    }
  }

  /// A page can be drawn of it: all in order, all at a place that there is, and one state of a row at a time.
  @Test(arguments: [EtcdAPI.v2, .v3])
  func aStoryIsInOrder(api: EtcdAPI) {
    var scenario = Scenario()
    scenario.api = api
    for seed in 0..<12 as Range<UInt64> {
      let story = self.story(seed, scenario)
      #expect(!story.isWrong && story.length > 0)
      #expect(story.marks.map(\.at) == story.marks.map(\.at).sorted(), "seed \(seed)")
      for place in story.spans.map(\.place) + story.marks.compactMap(\.place) {
        #expect(story.lanes[place.lane].rows.indices.contains(place.row))
      }
      var ends: [Story.Place: Double] = [:]
      for span in story.spans.sorted(by: { $0.from < $1.from }) {
        let end = span.to ?? .infinity
        #expect(0 <= span.from && span.from <= end && end <= story.length, "seed \(seed): \(span)")
        guard story.lanes[span.place.lane].rows[span.place.row] != "faults" else { continue }
        #expect(ends[span.place, default: 0] <= span.from, "seed \(seed): \(span)")
        ends[span.place] = end
      }
    }
  }

  /// The parts of the cluster are there, and each does something.
  @Test func aStoryHasARowForEachPart() {
    let story = self.story(7)
    #expect(story.lanes.map(\.name) == ["store", "node0", "node1", "node2"])
    let kinds = Set(story.spans.map(\.kind))
    #expect(kinds.isSuperset(of: [.lease, .manifest, .pod, .alive, .down]))
    for text in [
      "seed 7", "store lease ", "node1 elector ", "wins the lease, term 1\n", "FAULT: node1's disk",
    ] {
      #expect(story.text.contains(text), "\(text)")
    }
  }

  /// Else a reader takes the consequence for the cause.
  @Test func aFaultIsToldBeforeWhatFollowsFromIt() throws {
    var scenario = Scenario()
    scenario.faults = [.killStore, .nodePower]
    var count = 0
    for seed in 0..<6 as Range<UInt64> {
      let story = self.story(seed, scenario)
      for (index, mark) in story.marks.enumerated()
      where mark.text.contains("is killed") || mark.text.hasPrefix("ends with its machine") {
        guard mark.kind == .event, mark.place?.lane == 0 || mark.text.contains("machine") else {
          continue
        }
        let cause = story.marks[..<index].last { $0.kind == .fault }
        #expect(cause?.at == mark.at, "seed \(seed): \(mark)")
        count += 1
      }
    }
    #expect(count > 5)
  }

  /// What went wrong is a sentence, and the two pods can be seen beside each other.
  @Test func aStoryOfTwoPodsSaysWhichWhenAndForHowLong() async throws {
    var scenario = Scenario()
    scenario.api = .v2
    let campaign = Campaign(scenario, from: 0, seeds: 100)
    let story = try await onThreadOfItsOwn {
      let seed = campaign.run(of: Podmaster.self).violations.first?.seed ?? 0
      return campaign.story(of: seed, by: Podmaster.self).story
    }
    #expect(story.isWrong)
    let verdict = try #require(
      story.verdict.firstMatch(
        of:
          /^(node\d) and (node\d) both ran the pod, from (\d+\.\d{3}) s on, for (?:longer than )?[\d.]+ s\./
      ))
    let at = try #require(Double(verdict.output.3))
    let violation = try #require(story.marks.first { $0.kind == .violation })
    #expect(abs(violation.at - at) < 0.001)
    for name in [verdict.output.1, verdict.output.2] {
      let pods = story.spans.filter {
        $0.kind == .pod && story.lanes[$0.place.lane].name == name
      }
      #expect(pods.contains { $0.from <= violation.at && $0.to ?? 0 > violation.at }, "\(name)")
      #expect(story.verdict.contains(" \(name): "), "\(story.verdict)")
    }
    #expect(story.facts.contains { $0.hasPrefix("Faults: ") })
    self.expectEnglish(story.verdict)
  }

  /// To watch a run changes nothing in it.
  @Test func aToldRunIsTheSameRun() {
    for seed in 0..<12 as Range<UInt64> {
      func result(_ tells: Bool) -> [Int] {
        var simulation = Simulation<Election>(Scenario(), seed: seed, tells: tells)
        simulation.run()
        return [simulation.result.steps, simulation.result.terms, simulation.result.pods]
      }
      #expect(result(true) == result(false))
    }
  }

  @Test(
    arguments: [
      (0, "0 s"), (0.0004, "0 s"), (0.031, "0.031 s"), (0.308, "0.31 s"), (5, "5 s"),
      (5.806, "5.81 s"),
      (8.6666666, "8.67 s"), (26, "26 s"), (100, "100 s"), (155.4, "155 s"), (99.96, "100 s"),
    ] as [(Double, String)])
  func timesReadAsOneSaysThem(seconds: Double, words: String) {
    #expect(Story.words(seconds) == words)
  }
}
