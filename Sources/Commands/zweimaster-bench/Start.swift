import ArgumentParser
import Benchmarks

struct Start: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Measure how long each program takes from its start until it is ready.",
    discussion: """
      Starts kvstore, elector, fake-kubelet and fake-apiserver, again and again, and asks each of them every \
      millisecond whether it is ready.
      """)

  @Option(help: "How often each program is started.") var rounds = 20
  @OptionGroup var state: StateOptions

  func validate() throws { try requirePositive(["rounds": self.rounds]) }

  func run() async throws {
    try await StartBenchmark(rounds: self.rounds, directory: "\(self.state.directory)/start").play()
  }
}
