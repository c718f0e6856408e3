import TestCluster
import Testing

@testable import FaultCampaigns

extension EndToEnd {
  /// A few rows, which test the run itself; `make failures` plays all.
  @Suite struct FailureTableTests {
    @Test func `rows of the failure table are played, and all is as it has to be`() async throws {
      let directory = TemporaryDirectory()
      let configuration = ClusterConfiguration(
        store: EndToEnd.store, podStopTime: .milliseconds(500), stateDirectory: directory.path)
      let rows = ["elector-sigkill", "dest-edited", "leader-cut-off", "clock-minus-1h"]
      let results = try await directory.keptOnError {
        try await FailureRun(configuration: configuration, store: "x")
          .play(try FailureRow.named(rows)) { _ in }
      }
      #expect(results.map(\.row) == rows)
      #expect(
        results.allSatisfy { $0.verdict == .ok },
        "logs are in \(directory.path)\n\(FailureResult.table(results))")
      if !results.contains(where: \.isFailed) { directory.remove() }
    }

    @Test func `a row that is not there is named`() {
      #expect {
        try FailureRow.named(["elector-sigkil"])
      } throws: {
        "\($0)".hasPrefix("there is no row elector-sigkil: the rows are elector-sigkill, ")
      }
    }
  }
}
