import ArgumentParser
import Benchmark

@main struct Main: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kvbench",
    abstract: "Measure kvstore beside a real etcd.",
    subcommands: [Run.self, Bare.self], defaultSubcommand: Run.self)
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
