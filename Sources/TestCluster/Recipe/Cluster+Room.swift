import Glibc

/// The recipe's machine room around a cluster.
extension Cluster {
  /// Starts a cluster whose nodes are machines, with workers and a load balancer, and runs the body; with `nil` for
  /// the room, a cluster of processes.
  ///
  /// The process has to be in its own network, see ``enterRoom(stateDirectory:)``.
  package static func withRoom<Result: Sendable>(
    _ room: RecipeRoom?, _ configuration: ClusterConfiguration,
    _ body: @escaping @Sendable (Cluster) async throws -> Result
  ) async throws -> Result {
    guard let room else { return try await Self.withRunning(configuration, body) }
    var configuration = configuration
    configuration.room = room
    configuration.hasAPIServers = true
    configuration.setRecipeTiming()
    let network = ClusterNetwork(prefix: "recipe")
    configuration.network = network
    try await NamespaceNetwork.makeRouter()
    try await NamespaceNetwork.nameBox(Self.boxName)
    try await NamespaceNetwork.run("ip addr add \(NetworkHost.routerAddress)/32 dev lo")
    for host in [.member(1)] + configuration.nodes.map({ configuration.host($0) }) {
      try await NamespaceNetwork.add(host, in: network.space(host))
    }
    return try await Self.withRunning(configuration, body)
  }

  /// Restarts this program in its own network; returns when it is there already.
  /// - Parameter stateDirectory: the directory for the machines' disks.
  /// - Throws: ``ClusterError/network(_:)`` when the machine does not permit it.
  package static func enterRoom(stateDirectory: String) async throws {
    try await NamespaceNetwork.checkPermission(disks: StateDirectory(stateDirectory).path)
    try NamespaceNetwork.enterOwnNamespaces(keepingBox: true)
  }

  /// Switches a machine on, and waits for its servers.
  package func powerOn(_ node: String) async throws {
    let host = self.configuration.host(node)
    if let network = self.configuration.network {
      try await NamespaceNetwork.plugIn(host, in: network.space(host))
      self.cutNodes.remove(node)
    }
    let machine = ProcessName.component(node: node, .machine)
    try await self.launch(machine)
    do {
      try self.checkStarting(node)
    } catch {
      // A kill came before it was up.
      await self.end([machine], by: SIGKILL, within: .seconds(10))
      throw error
    }
    if let apiServer = self.apiServerURL(node) {
      try await self.waitForAnswer("\(apiServer)/healthz", of: machine)
    }
    if self.plan.machines[node]?.startsKubelet == true {
      try await self.waitForAnswer("\(self.kubeletURL(node))/healthz", of: machine)
    }
  }

  /// Cuts a machine's power: its network ends first, so that no connection is reset, then all its processes.
  package func powerOff(_ node: String) async throws {
    var problem: (any Error)?
    if let network = self.configuration.network {
      do {
        try await NamespaceNetwork.unplug(in: network.space(self.configuration.host(node)))
      } catch {
        problem = error
      }
    }
    self.cutNodes.remove(node)
    let machine = ProcessName.component(node: node, .machine)
    let first = self.processes[machine]?.identity?.child
    await self.end([machine], by: SIGKILL, within: .seconds(10))
    // It ends last.
    try await Self.wait(for: "all processes of \(node) to end", within: .seconds(20)) {
      first?.isAlive != true
    }
    if let problem { throw problem }
  }
}
