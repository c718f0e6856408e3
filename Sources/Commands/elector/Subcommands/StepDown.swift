import ArgumentParser
import CommandLine

/// `elector step-down`.
struct StepDown: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "step-down",
    abstract: "Make a running elector release the lock and follow for a while.",
    discussion: """
      It removes the manifest, waits for the pod's end and releases the lock, as on a stop. Then it \
      follows until the time is over or, without --for, until `elector resume`.
      """)

  @OptionGroup var elector: RunningElector

  @Option(
    name: .customLong("for"),
    help: ArgumentHelp("How long it follows. (default: until resume)", valueName: "duration"),
    transform: { try GoDuration(parsing: $0) })
  var duration: GoDuration?

  func validate() throws {
    if let duration, duration.duration <= .zero {
      throw ValidationError("--for must be more than 0, not \(duration)")
    }
  }

  func run() async throws {
    try await self.elector.post(
      "step-down", forSeconds: self.duration.map { $0.duration / .seconds(1) })
  }
}

/// `elector resume`.
struct Resume: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Let an elector that stepped down take part again.")

  @OptionGroup var elector: RunningElector

  func run() async throws { try await self.elector.post("resume") }
}
