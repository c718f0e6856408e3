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
        let results = try await FailureRun(configuration: configuration, store: "x")
          .play(try FailureRow.named(rows)) { _ in }
        #expect(results.map(\.row) == rows)
        try #require(
          results.allSatisfy { $0.verdict == .ok }, "\(FailureResult.table(results))")
      }
    }
  }
}
