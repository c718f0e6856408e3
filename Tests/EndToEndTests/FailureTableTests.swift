import Stories
import TestCluster
import Testing

@testable import FaultCampaigns

extension EndToEnd {
  /// A few rows, which test the run itself; `make failures` plays all.
  @Suite struct FailureTableTests {
    @Test func `rows of the failure table are played, and all is as it has to be`() async throws {
      try await TemporaryDirectory.with { directory in
        let configuration = ClusterConfiguration(
          store: EndToEnd.store.store, api: EndToEnd.store.api, podStopTime: .milliseconds(500),
          stateDirectory: directory)
        let rows = [
          "elector-sigkill", "dest-edited", "bad-reload-then-crash", "leader-cut-off",
          "clock-minus-1h", "machine-paused",
        ]
        let results = try await FailureRun(
          configuration: configuration, store: "x", records: true
        )
        .play(try FailureRow.named(rows)) { _ in }
        #expect(results.map(\.row) == rows)
        try #require(
          results.allSatisfy { $0.verdict == .ok }, "\(FailureResult.table(results))")
        for result in results { try self.check(try #require(result.story), result) }
      }
    }

    /// Each row is a recording of its own, in which its fault can be seen and what followed from it.
    private func check(_ story: Story, _ result: FailureResult) throws {
      #expect(story.title == "\(result.row) on x")
      #expect(!story.isWrong && story.verdict.hasPrefix("As it has to be: "), "\(story.verdict)")
      let fault = try #require(story.marks.first { $0.kind == .fault }, "\(result.row)")
      let lane = try #require(fault.place?.lane)
      #expect(lane > 0 && 0 < fault.at && fault.at < story.length, "\(fault)")
      let kinds = Set(story.spans.map(\.kind))
      #expect(kinds.isSuperset(of: [.alive, .lease, .manifest, .pod]), "\(result.row): \(kinds)")
      // The leader, to whom it happened, had the manifest.
      #expect(
        story.spans.contains {
          $0.kind == .manifest && $0.place.lane == lane && $0.from < fault.at
            && $0.to ?? story.length >= fault.at
        }, "\(result.row): \(fault) and \(story.spans.filter { $0.kind == .manifest })")
      guard result.row == "elector-sigkill" else { return }
      let pods = story.spans.filter { $0.kind == .pod && $0.text == "kube-scheduler" }
      #expect(pods.count > 1, "the pod comes back, or moves")
    }
  }
}
