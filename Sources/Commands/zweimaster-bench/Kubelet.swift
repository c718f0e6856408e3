import ArgumentParser
import Benchmarks
import CommandLine
import TestCluster

/// `zweimaster-bench kubelet`: how quick the fake kubelet is, and what it needs.
struct Kubelet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kubelet",
    abstract:
      "Measure the fake kubelet: from a manifest's rename to its pod in /pods, memory, processor.",
    discussion: """
      Starts one with so many pods, looks at it while nothing happens, and then puts one more manifest \
      into its directory, waits until /pods shows its pod Running, and takes it away, again and again.
      """)

  @Option(help: ArgumentHelp("How many pods; may be repeated.", valueName: "count"))
  var pods: [Int] = []
  @Option(help: "How many rounds.") var rounds = 100
  @Option(
    help: ArgumentHelp("For how long nothing happens. (default: 30s)", valueName: "duration"),
    transform: { try GoDuration(parsing: $0) })
  var idle = GoDuration(.seconds(30))
  @OptionGroup var state: StateOptions

  func validate() throws {
    if self.rounds < 1 { throw ValidationError("--rounds must be at least 1") }
    if self.pods.contains(where: { $0 < 0 }) {
      throw ValidationError("--pods must not be negative")
    }
  }

  func run() async throws {
    var rows: [[String]] = []
    for count in self.pods.isEmpty ? [10, 1000] : self.pods {
      let report = try await KubeletTrial(
        pods: count, rounds: self.rounds, idle: self.idle.duration,
        directory: "\(self.state.directory)/kubelet"
      ).run()
      guard let times = Distribution(report.startTimes) else { continue }
      func milliseconds(_ duration: Duration) -> String {
        "\((duration / .milliseconds(1)).rounded(2)) ms"
      }
      rows.append([
        "\(count)", milliseconds(times.quantile(0.5)),
        milliseconds(times.quantile(0.95)), milliseconds(times.quantile(1)),
        milliseconds(report.allAfter),
        "\((Double(report.usage.anonymousMemory) / 1e6).rounded(1)) MB",
        "\((report.usage.processor * 100).rounded(3)) %",
      ])
    }
    print(
      TextTable(
        header: ["PODS", "MEDIAN", "P95", "MAX", "ALL AT ONCE", "MEMORY", "IDLE"], rows: rows))
    print(
      """

      From the rename of one more manifest until /pods shows its pod Running, \(self.rounds) rounds; the \
      answers of /pods are part of it. ALL AT ONCE is the same for the whole directory. Memory is \
      anonymous; IDLE is the part of one core that is used while nothing happens.
      """)
  }
}
