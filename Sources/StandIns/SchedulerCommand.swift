import ArgumentParser
import CommandLine

/// `kube-scheduler-stand-in`, with the flags of kube-scheduler that the recipe uses.
package struct SchedulerCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "kube-scheduler-stand-in",
    abstract: "Binds pods without a node to nodes, round robin, in the place of kube-scheduler.",
    discussion: """
      A node must be Ready and not cordoned, and have the labels of the pod's nodeSelector. Everything else, \
      such as requests for CPU and memory, is ignored. Serves /healthz. It has no leader election: start one, \
      by an elector.

      When the port listens, a line on standard output names it:
        kube-scheduler-stand-in: http://127.0.0.1:10251
      """,
    version: Version.line(of: "kube-scheduler-stand-in"))

  @OptionGroup var options: StandInOptions

  @Option(help: "Port of /healthz; 0 for any free port.")
  var port = 10251

  package init() {}

  /// Runs the program with the process's arguments.
  package static func runProgram() async {
    await self.main(
      GoCommandLine.normalized(
        Array(Swift.CommandLine.arguments.dropFirst()), switches: LogOptions.switches))
  }

  package func validate() throws { try self.options.validate(port: self.port) }

  package func run() async throws {
    try await self.options.run("kube-scheduler-stand-in", port: self.port) {
      configuration, logger, announce in
      Scheduler(configuration, logger: logger, onListening: announce)
    }
  }
}
