import Glibc

/// The recipe's machine room around a cluster.
extension Cluster {
  /// Brings up a cluster whose masters are machines, and what is before them and beside them.
  ///
  /// The process has to be in a network of its own, see ``enterRoom(stateDirectory:)``.
  package static func withRoom<Result: Sendable>(
    _ room: RecipeRoom, _ configuration: ClusterConfiguration,
    _ body: @escaping @Sendable (Cluster) async throws -> Result
  ) async throws -> Result {
    var configuration = configuration
    configuration.room = room
    configuration.hasAPIServers = true
    configuration.takeRecipesTiming()
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

  /// Starts this program anew in a network of its own; returns when it is there already.
  /// - Parameter stateDirectory: where the machines' disks are to be.
  /// - Throws: ``ClusterError/network(_:)`` when it may not have one.
  package static func enterRoom(stateDirectory: String) async throws {
    try await NamespaceNetwork.checkPermission(disks: StateDirectory(stateDirectory).path)
    try NamespaceNetwork.enterOwnNamespaces(keepingBox: true)
  }

  /// Switches a machine on, and waits for its servers.
  package func powerOn(_ node: String) async throws {
    let host = self.configuration.host(node)
    if let network = self.configuration.network {
      try await NamespaceNetwork.plugIn(host, in: network.space(host))
    }
    let machine = ProcessName.component(node: node, .machine)
    try await self.launch(machine)
    do {
      try self.checkStarting(node)
    } catch {
      // Its power failed before it was there.
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

  /// Takes a machine's power: nothing of it runs on, and nobody hears of it.
  package func powerOff(_ node: String) async throws {
    var problem: (any Error)?
    if let network = self.configuration.network {
      do {
        try await NamespaceNetwork.unplug(in: network.space(self.configuration.host(node)))
      } catch {
        problem = error
      }
    }
    let machine = ProcessName.component(node: node, .machine)
    let first = self.processes[machine]?.identity?.child
    await self.end([machine], by: SIGKILL, within: .seconds(10))
    // It is the last to go.
    guard await Self.wait(upTo: .seconds(20), until: { first?.isAlive != true }) else {
      throw ClusterError.timedOut("for all processes of \(node) to end", after: .seconds(20))
    }
    if let problem { throw problem }
  }
}
