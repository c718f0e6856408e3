import Testing

@testable import Benchmarks

extension EndToEnd {
  @Suite struct StartBenchmarkTests {
    @Test func `every program gets ready in every round`() async throws {
      let directory = TemporaryDirectory()
      let benchmark = try StartBenchmark.parse(["--rounds=2", "--state-dir=\(directory.path)"])
      let figures = try await directory.keptOnError { try await benchmark.measure { _ in } }
      for program in StartBenchmark.Program.allCases {
        #expect(figures[program]?.count == 2)
        #expect(figures[program]?.allSatisfy { $0 > .milliseconds(1) } == true)
      }
      #expect(benchmark.report(figures).tables[0].rows.count == 4)
    }
  }
}
