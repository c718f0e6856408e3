/// The API servers' namespace, and what stands before them.
extension Cluster {
  /// What the box's own network is called where the machines have theirs.
  static let boxName = "box"

  /// What has to be there for a load balancer, looked at before anything is started.
  /// - Throws: ``ClusterError/missingHAProxy``, ``ClusterError/portInUse(_:flag:)``.
  public static func checkedLoadBalancerPort(_ port: Int?) throws(ClusterError) -> Int? {
    guard let port else { return nil }
    _ = try Executables.haproxy()
    guard FreePorts.isFree(port) else {
      throw .portInUse(port, flag: "--load-balancer-port")
    }
    return port
  }

  /// What the load balancer is told.
  nonisolated func loadBalancer(_ port: Int) -> HAProxyConfiguration {
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

  func startLoadBalancer() async throws {
    try await self.launch(.loadBalancer)
    guard
      let address = self.configuration.loadBalancerPort.map(self.loadBalancer)?.binds.last?.address
    else { return }
    try await self.waitForAnswer("http://\(address)/healthz", of: .loadBalancer)
    self.note("the load balancer is up")
  }

  /// Makes the namespace that the recipe has its pods in.
  func makeNamespace() async throws {
    guard let server = self.configuration.nodes.lazy.compactMap(self.apiServerURL).first else {
      return
    }
    let answer = try await self.requests.data(
      "\(server)/api/v1/namespaces", method: .post,
      json: #"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system"}}"#,
      within: .seconds(10))
    // With a store of somebody else's it may be there.
    guard [201, 409].contains(answer.status) else {
      throw ClusterError.control(
        "the namespace kube-system cannot be made: HTTP \(answer.status) "
          + String(decoding: answer.body, as: UTF8.self))
    }
  }
}
