import Glibc

/// The API servers' namespace, and the load balancer before them.
extension Cluster {
  /// The name of the box's network namespace in a machine room.
  package static let boxName = "box"

  /// Checks that a cluster can start: its directory is free, processes of an earlier cluster in it have ended, and
  /// HAProxy and the ports are there.
  /// - Throws: ``ClusterError``.
  package static func prepare(
    _ configuration: ClusterConfiguration, page: LivePage? = nil
  ) async throws {
    let (lock, earlier) = try StateDirectory(configuration.stateDirectory).claim()
    if let earlier { await Self.endLeftOvers(of: earlier, report: configuration.report) }
    try withExtendedLifetime(lock) {
      if let page, page.isWanted { try Self.checkPort(page.port, flag: LivePage.flag) }
      guard let port = configuration.loadBalancerPort else { return }
      _ = try Executables.haproxy()
      try Self.checkPort(port, flag: "--load-balancer-port")
    }
  }

  private static func checkPort(_ port: Int, flag: String) throws(ClusterError) {
    switch FreePorts.problem(port) {
    case nil: break
    case EACCES: throw .portNotPermitted(port, flag: flag)
    default: throw .portInUse(port, flag: flag)
    }
  }

  /// The load balancer's configuration.
  package nonisolated func loadBalancer(_ port: Int) -> HAProxyConfiguration {
    let box = "127.0.0.1:\(port)"
    return HAProxyConfiguration(
      binds: self.configuration.room == nil
        ? [.init(address: box)]
        : [
          .init(address: box, namespace: Self.boxName),
          .init(address: "\(NetworkHost.routerAddress):\(RecipeRoom.apiServerPort)"),
        ],
      servers: self.configuration.nodes.compactMap { node in
        self.apiServerURL(node).map {
          .init(name: node, address: String($0.trimmingPrefix("http://")))
        }
      })
  }

  package func startLoadBalancer(_ port: Int) async throws {
    try await self.launch(.loadBalancer)
    // The last address is in our own network.
    let address = self.loadBalancer(port).binds.last?.address ?? ""
    try await self.waitForAnswer("http://\(address)/healthz", of: .loadBalancer)
    self.note("the load balancer is up")
  }

  /// Creates the namespace of the recipe's pods.
  package func makeNamespace() async throws {
    guard let server = self.configuration.nodes.lazy.compactMap(self.apiServerURL).first else {
      return
    }
    let url = "\(server)/api/v1/namespaces"
    do throws(RequestError) {
      let (status, body) = try await self.requests.data(
        url, method: .POST,
        json: #"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system"}}"#,
        within: .seconds(10))
      // An external store may have it already.
      guard [201, 409].contains(status) else {
        throw .status(status, String(decoding: body, as: UTF8.self))
      }
    } catch {
      throw ClusterError.control("cannot create the namespace kube-system at \(url): \(error)")
    }
  }
}
