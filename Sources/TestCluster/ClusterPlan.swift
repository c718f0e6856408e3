import EtcdClient

/// Which processes a cluster has, with their command lines.
struct ClusterPlan: Sendable {
  /// Where the store's clients find it.
  var store: [EtcdEndpoint]
  /// Where each node's kubelet answers all endpoints.
  var kubelets: [String: String] = [:]
  var processes: [ProcessName: ManagedProcess] = [:]

  /// How many free ports the plan takes.
  static func portsNeeded(_ configuration: ClusterConfiguration) -> Int {
    2 + 2 * configuration.nodes.count
  }

  /// - Throws: ``ClusterError/missingProgram(_:directory:)``.
  init(
    _ configuration: ClusterConfiguration, directory: StateDirectory, executables: Executables,
    ports: [Int]
  ) throws {
    precondition(ports.count == Self.portsNeeded(configuration), "too few or too many ports")
    let peer = "http://127.0.0.1:\(ports[1])"
    self.store = [try EtcdEndpoint("http://127.0.0.1:\(ports[0])")]
    switch configuration.store {
    case .external(let endpoints):
      self.store = endpoints
    case .kvstore:
      self.add(
        .store, try executables.path(of: "kvstore"),
        ["--listen-client-urls", self.store[0].url, "--data-dir", directory.storeData], directory)
    case .etcd(let executable):
      self.add(
        .store, executable,
        [
          "--name=zweimaster", "--data-dir=\(directory.storeData)", "--enable-v2=true",
          "--listen-client-urls=\(self.store[0])", "--advertise-client-urls=\(self.store[0])",
          "--listen-peer-urls=\(peer)", "--initial-advertise-peer-urls=\(peer)",
          "--initial-cluster=zweimaster=\(peer)",
        ], directory)
    }
    for (index, node) in configuration.nodes.enumerated() {
      let (port, readOnlyPort) = (ports[2 + 2 * index], ports[3 + 2 * index])
      let kubelet = "http://127.0.0.1:\(port)"
      self.kubelets[node] = kubelet
      self.add(
        .component(node: node, .kubelet), try executables.path(of: "fake-kubelet"),
        [
          "--config", directory.manifests(node), "--hostname-override", node,
          "--address", "127.0.0.1", "--port", "\(port)", "--read-only-port", "\(readOnlyPort)",
          "--file-check-frequency", "1s",
        ], directory)
      for role in Role.allCases {
        self.add(
          .component(node: node, role.elector), try executables.path(of: "elector"),
          [
            "--etcd-servers=\(self.storeText)", "--key=\(role.key)", "--whoami=\(node)",
            "--ttl-secs=\(configuration.ttlSeconds)",
            "--sleep=\(configuration.sleep.milliseconds)ms",
            "--source-file=\(directory.source(role, node))",
            "--dest-file=\(directory.destination(role, node))", "--kubelet=\(kubelet)",
            "--kubelet-detection=\(ClusterConfiguration.kubeletDetection.milliseconds)ms",
          ], directory)
      }
    }
  }

  /// The store's addresses as a flag takes them.
  var storeText: String { self.store.map(\.url).joined(separator: ",") }

  private mutating func add(
    _ name: ProcessName, _ executable: String, _ arguments: [String], _ directory: StateDirectory
  ) {
    self.processes[name] = ManagedProcess(
      name: name, executable: executable, arguments: arguments, log: directory.log(name))
  }
}
