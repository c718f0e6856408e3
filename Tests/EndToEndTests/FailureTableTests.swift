import TestCluster
import Testing

extension EndToEnd {
  /// Some rows of `zweimaster failures`, of each kind of expectation; `make failures` plays all.
  @Suite struct FailureTableTests {
    @Test func `rows of the failure table are as they have to be`() async throws {
      let directory = TemporaryDirectory()
      let results = try await directory.keptOnError {
        try await FailureRun(
          configuration: ClusterConfiguration(
            store: EndToEnd.store, podStopTime: .milliseconds(500),
            stateDirectory: directory.path),
          store: "\(EndToEnd.store)"
        ).play(
          FailureRow.named([
            "elector-sigkill", "store-restarted", "dest-edited", "leader-cut-off",
          ])
        ) { _ in }
      }
      #expect(results.count == 4)
      for result in results { #expect(result.verdict == .ok, "\(result)") }
      directory.remove()
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
