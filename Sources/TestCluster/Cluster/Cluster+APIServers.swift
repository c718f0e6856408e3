import Glibc

/// The API servers' namespace, and what stands before them.
extension Cluster {
  /// What the box's own network is called where the machines have theirs.
  package static let boxName = "box"

  /// Looks whether a cluster can be had, before anything is started: its directory is there and free, what an earlier
  /// one has left in it has ended, and there is HAProxy and a port for it.
  /// - Throws: ``ClusterError``.
  package static func prepare(_ configuration: ClusterConfiguration) async throws {
    let (lock, earlier) = try StateDirectory(configuration.stateDirectory).claim()
    if let earlier { await Self.endLeftOvers(of: earlier, report: configuration.report) }
    guard let port = configuration.loadBalancerPort else { return }
    _ = try Executables.haproxy()
    switch withExtendedLifetime(lock, { FreePorts.problem(port) }) {
    case nil: break
    case EACCES: throw ClusterError.portNotPermitted(port, flag: "--load-balancer-port")
    default: throw ClusterError.portInUse(port, flag: "--load-balancer-port")
    }
  }

  /// What the load balancer is told.
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
    // The last one is in our own network.
    let address = self.loadBalancer(port).binds.last?.address ?? ""
    try await self.waitForAnswer("http://\(address)/healthz", of: .loadBalancer)
    self.note("the load balancer is up")
  }

  /// Makes the namespace that the recipe has its pods in.
  package func makeNamespace() async throws {
    guard let server = self.configuration.nodes.lazy.compactMap(self.apiServerURL).first else {
      return
    }
    let url = "\(server)/api/v1/namespaces"
    do throws(RequestError) {
      let (status, body) = try await self.requests.data(
        url, method: .post,
        json: #"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system"}}"#,
        within: .seconds(10))
      // With a store of somebody else's it may be there.
      guard [201, 409].contains(status) else {
        throw .status(status, String(decoding: body, as: UTF8.self))
      }
    } catch {
      throw ClusterError.control("the namespace kube-system cannot be made at \(url): \(error)")
    }
  }
}
