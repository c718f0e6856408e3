import Testing

@testable import Benchmarks

extension EndToEnd {
  /// Many elections in few processes.
  @Suite struct ElectionsBenchmarkTests {
    @Test func `fifty elections with two candidates are all held, and all given back`()
      async throws
    {
      let directory = TemporaryDirectory()
      let report = try await directory.keptOnError {
        try await ElectionsBenchmark.parse([
          "--count=50", "--candidates=2", "--ttl-secs=30", "--for=1s",
          "--state-dir=\(directory.path)",
        ]).measure { _ in }
      }
      #expect(report.losses == 0)
      #expect(report.manifests == 50)
      #expect(report.left == 0)
      #expect(report.electors.count == 2 && report.guards.count == 2)
    }
  }
}
