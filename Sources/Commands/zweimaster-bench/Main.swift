import ArgumentParser
import Benchmarks
import CommandLine

@main struct Main: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zweimaster-bench",
    abstract: "Measure how fast the programs are and what they need of a machine.",
    discussion: """
      Each benchmark starts the programs that it measures from its own directory, and prints its tables in \
      Markdown. docs/measured has the figures. Nothing else should run on the machine meanwhile.

      Example:  zweimaster-bench failover --rounds 10
      """,
    version: Version.line(of: "zweimaster-bench"),
    subcommands: [
      KVStoreBenchmark.self, FailoverBenchmark.self, ElectionsBenchmark.self,
      KubeletBenchmark.self, APIBenchmark.self, StartBenchmark.self, BareServer.self,
    ])
}
