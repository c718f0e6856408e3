import ArgumentParser
import CommandLine
import StandIns

@main struct Main {
  /// Go's spelling of a command line is put into ours first.
  static func main() async {
    await ControllerManagerCommand.main(
      GoCommandLine.normalized(
        Array(CommandLine.arguments.dropFirst()),
        switches: StandInOptions.switches.union(["allocate-node-cidrs"])))
  }
}

/// The flags of kube-controller-manager that the recipe uses.
struct ControllerManagerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kube-controller-manager-stand-in",
    abstract: "Keeps the pods of ReplicationControllers, in kube-controller-manager's place.",
    discussion: """
      Makes and deletes pods until each ReplicationController has as many as it asks for, deletes those \
      whose controller is gone, marks nodes whose kubelet is silent, and replaces their pods after a while. There \
      are no other controllers. Serves /healthz. It elects nobody: run one, by an elector.

      Once the port listens, a line on standard output names it:
        kube-controller-manager-stand-in: http://127.0.0.1:10252
      """,
    version: Version.line(of: "kube-controller-manager-stand-in"))

  @OptionGroup var options: StandInOptions

  @Option(help: "The port of /healthz; 0 for any that is free.")
  var port = 10252

  @Option(help: "How long a node may be silent until it is not known to be ready any more.")
  var nodeMonitorGracePeriod = GoDuration(.seconds(40))

  @Option(help: "How long a node may be not ready until its pods are deleted and replaced.")
  var podEvictionTimeout = GoDuration(.seconds(300))

  @Option(help: "Accepted; no network is managed, so it has no effect.")
  var clusterCidr: String?

  @Option(help: "Accepted; no network is managed, so it has no effect.")
  var allocateNodeCidrs: GoBool?

  func validate() throws {
    try self.options.validate(port: self.port)
    for (flag, duration) in [
      ("--node-monitor-grace-period", self.nodeMonitorGracePeriod),
      ("--pod-eviction-timeout", self.podEvictionTimeout),
    ] where duration.duration <= .zero {
      throw ValidationError("\(flag) must be more than zero, such as 40s")
    }
  }

  func run() async throws {
    let unused = [
      self.clusterCidr.map { _ in "--cluster-cidr" },
      self.allocateNodeCidrs.map { _ in "--allocate-node-cidrs" },
    ].compactMap(\.self)
    let monitor = NodeMonitor(
      gracePeriod: self.nodeMonitorGracePeriod.duration,
      evictionTimeout: self.podEvictionTimeout.duration)
    try await self.options.run(
      "kube-controller-manager-stand-in", port: self.port, unused: unused
    ) { configuration, logger, announce in
      ControllerManager(configuration, monitor: monitor, logger: logger, onListening: announce)
    }
  }
}
