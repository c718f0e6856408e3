import ArgumentParser
import CommandLine
import StandIns

@main struct Main {
  /// Go's spelling of a command line is put into ours first.
  static func main() async {
    await SchedulerCommand.main(
      GoCommandLine.normalized(
        Array(CommandLine.arguments.dropFirst()), switches: StandInOptions.switches))
  }
}

/// The flags of kube-scheduler that the recipe uses.
struct SchedulerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kube-scheduler-stand-in",
    abstract:
      "Binds pods that have no node to nodes, one after the other, in kube-scheduler's place.",
    discussion: """
      A node has to be Ready and not cordoned, and to have the labels of the pod's nodeSelector; nothing else is \
      looked at, what pods ask for and nodes have not either. Serves /healthz. It elects nobody: run one, \
      by an elector.

      Once the port listens, a line on standard output names it:
        kube-scheduler-stand-in: http://127.0.0.1:10251
      """,
    version: Version.line(of: "kube-scheduler-stand-in"))

  @OptionGroup var options: StandInOptions

  @Option(help: "The port of /healthz; 0 for any that is free.")
  var port = 10251

  func validate() throws { try self.options.validate(port: self.port) }

  func run() async throws {
    try await self.options.run("kube-scheduler-stand-in", port: self.port) {
      configuration, logger, announce in
      Scheduler(configuration, logger: logger, onListening: announce)
    }
  }
}
