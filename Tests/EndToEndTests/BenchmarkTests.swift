import Testing

@testable import Benchmarks

extension EndToEnd {
  /// The benchmark of an API server, in small.
  @Suite struct APIBenchmarkTests {
    @Test func `everything is asked with each number of pods, and every watcher sees every change`()
      async throws
    {
      let report = try await TemporaryDirectory.with { directory in
        try await APIBenchmark.parse([
          "--pods=105", "--nodes=2", "--rounds=1", "--watchers=3", "--events=4",
          "--state-dir=\(directory)",
        ]).measure(BenchmarkProgress())
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

  /// Many elections in few processes.
  @Suite struct ElectionsBenchmarkTests {
    @Test func `fifty elections with two candidates are all held, and all given back`()
      async throws
    {
      let report = try await TemporaryDirectory.with { directory in
        try await ElectionsBenchmark.parse([
          "--count=50", "--candidates=2", "--ttl-secs=30", "--for=1s",
          "--state-dir=\(directory)",
        ]).measure(BenchmarkProgress())
      }
      #expect(report.losses == 0)
      #expect(report.manifests == 50)
      #expect(report.left == 0)
      #expect(report.electors.count == 2 && report.guards.count == 2)
    }
  }

  @Suite struct StartBenchmarkTests {
    @Test func `every program gets ready in every round`() async throws {
      try await TemporaryDirectory.with { directory in
        let benchmark = try StartBenchmark.parse(["--rounds=2", "--state-dir=\(directory)"])
        let figures = try await benchmark.measure(BenchmarkProgress())
        for program in StartBenchmark.Program.allCases {
          #expect(figures[program]?.count == 2)
          #expect(figures[program]?.allSatisfy { $0 > .milliseconds(1) } == true)
        }
        #expect(benchmark.report(figures).tables[0].rows.count == 4)
      }
    }
  }
}
