import ArgumentParser
import Benchmarks

/// The bare server of `zweimaster-bench kvstore`, as a process of its own.
struct Bare: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve one fixed answer over HTTP.", shouldDisplay: false)

  @Option(help: "The port of 127.0.0.1 to listen on.")
  var port: Int

  @Option(help: "The length of the answer's body.")
  var bodyBytes: Int

  func run() async throws {
    try await BareServer.run(port: self.port, bodyBytes: self.bodyBytes)
  }
}
