import Testing

@testable import Benchmarks

extension EndToEnd {
  /// The benchmark of an API server, in small.
  @Suite struct APIBenchmarkTests {
    @Test func `everything is asked with each number of pods, and every watcher sees every change`()
      async throws
    {
      let directory = TemporaryDirectory()
      let report = try await directory.keptOnError {
        try await APIBenchmark.parse([
          "--pods=105", "--nodes=2", "--rounds=1", "--watchers=3", "--events=4",
          "--state-dir=\(directory.path)",
        ]).measure { _ in }
      }
      #expect(report.counts.map(\.pods) == [100, 105])
      for count in report.counts {
        #expect(Set(count.times.keys) == Set(APIBenchmark.Operation.allCases))
        // A pod has 2 to 4 KB, so none is missing.
        #expect((2_000 * count.pods...4_000 * count.pods).contains(count.listSize))
        #expect(count.serverMemory > 0 && count.storeMemory > 0)
      }
      #expect(report.watches.map(\.watchers) == [3])
    }
  }
}
