import ArgumentParser
import CommandLine
import Benchmarks

@main struct Main: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zweimaster-bench",
    abstract: "Measure how quick the programs are and what they need.",
    version: Version.line(of: "zweimaster-bench"),
    subcommands: [
      KVStore.self, Failover.self, Elections.self, Kubelet.self, API.self, Bare.self,
    ])
}

/// Where the clusters that are measured keep their files.
struct StateOptions: ParsableArguments {
  @Option(
    name: .customLong("state-dir"),
    help: "The directory for everything that the measured programs write.")
  var directory = ".zweimaster"
}

/// The ceiling, as a process of its own.
struct Bare: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve one fixed answer over HTTP.", shouldDisplay: false)

  @Option(help: "The port of 127.0.0.1 to listen on.")
  var port: Int

  @Option(help: "How long the answer's body is.")
  var bodyBytes: Int

  func run() async throws {
    try await BareServer.run(port: self.port, bodyBytes: self.bodyBytes)
  }
}
