import ArgumentParser
import Benchmarks
import CommandLine

struct Kubelet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kubelet",
    abstract:
      "Measure the fake kubelet: from a manifest's rename to its pod in /pods, memory, processor.",
    discussion: """
      Starts a kubelet with that many pods, watches it while nothing happens, and then, again and again, puts \
      one more manifest into its directory, waits until /pods shows its pod Running, and removes it.
      """)

  @Option(
    help: ArgumentHelp("How many pods; may be repeated. (default: 10, 1000)", valueName: "count"))
  var pods: [Int] = []
  @Option(help: "How many rounds.") var rounds = 100
  @Option(
    help: ArgumentHelp("How long the kubelet is watched while idle.", valueName: "duration"))
  var idle = GoDuration(.seconds(30))
  @OptionGroup var state: StateOptions

  func validate() throws {
    try requirePositive(["rounds": self.rounds])
    if let count = self.pods.first(where: { $0 < 0 }) {
      throw ValidationError("--pods must not be negative, not \(count)")
    }
  }

  func run() async throws {
    try await KubeletBenchmark(
      pods: self.pods.isEmpty ? [10, 1000] : self.pods, rounds: self.rounds,
      idle: self.idle.duration, directory: "\(self.state.directory)/kubelet"
    ).play()
  }
}
