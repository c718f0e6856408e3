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
    try await self.options.run(
      "kube-scheduler-stand-in", component: Scheduling.name, port: self.port
    ) { Scheduler(daemon: $0) }
  }
}

/// `kube-controller-manager-stand-in`, with the flags of kube-controller-manager that the recipe uses.
package struct ControllerManagerCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "kube-controller-manager-stand-in",
    abstract: "Keeps the pods of ReplicationControllers, in the place of kube-controller-manager.",
    discussion: """
      Creates and deletes pods until each ReplicationController has its number of replicas, deletes pods whose \
      controller is gone, marks nodes whose kubelet is silent, and replaces their pods after a while. There \
      are no other controllers. Serves /healthz. It has no leader election: start one, by an elector.

      When the port listens, a line on standard output names it:
        kube-controller-manager-stand-in: http://127.0.0.1:10252
      """,
    version: Version.line(of: "kube-controller-manager-stand-in"))

  @OptionGroup var options: StandInOptions

  @Option(help: "Port of /healthz; 0 for any free port.")
  var port = 10252

  @Option(help: "How long a node may be silent before its conditions become Unknown.")
  var nodeMonitorGracePeriod = GoDuration(.seconds(40))

  @Option(help: "How long a node may be not ready before its pods are deleted and replaced.")
  var podEvictionTimeout = GoDuration(.seconds(300))

  @Option(help: "Accepted without effect: no network is managed.")
  var clusterCidr: String?

  @Option(help: "Accepted without effect: no network is managed.")
  var allocateNodeCidrs: GoBool?

  package init() {}

  /// Runs the program with the process's arguments.
  package static func runProgram() async {
    await self.main(
      GoCommandLine.normalized(
        Array(Swift.CommandLine.arguments.dropFirst()),
        switches: LogOptions.switches.union(["allocate-node-cidrs"])))
  }

  package func validate() throws {
    try self.options.validate(port: self.port)
    for (flag, duration) in [
      ("--node-monitor-grace-period", self.nodeMonitorGracePeriod),
      ("--pod-eviction-timeout", self.podEvictionTimeout),
    ] where duration.duration <= .zero {
      throw ValidationError("\(flag) must be more than zero, such as 40s")
    }
  }

  package func run() async throws {
    let unused = [
      self.clusterCidr.map { _ in "--cluster-cidr" },
      self.allocateNodeCidrs.map { _ in "--allocate-node-cidrs" },
    ].compactMap(\.self)
    let monitor = NodeMonitor(
      gracePeriod: self.nodeMonitorGracePeriod.duration,
      evictionTimeout: self.podEvictionTimeout.duration)
    try await self.options.run(
      "kube-controller-manager-stand-in", component: "controller-manager", port: self.port,
      unused: unused
    ) { ControllerManager(daemon: $0, monitor: monitor) }
  }
}
