import EtcdClient

/// Which processes a cluster has, with their command lines.
struct ClusterPlan: Sendable {
  /// Where the store's clients find it.
  var store: [EtcdEndpoint]
  /// Where each node's kubelet answers all endpoints.
  var kubelets: [String: String] = [:]
  var processes: [ProcessName: ManagedProcess] = [:]
  /// For nodes with a wall clock of their own.
  private let clockLibrary: String?
  private let network: ClusterNetwork?

  /// Quicker than etcd's own 100 and 1000 ms: on one machine, a member that comes back, or two that have
  /// lost their leader, need not take longer than a short lease.
  private static let heartbeat = Duration.milliseconds(50)
  private static let electionTimeout = Duration.milliseconds(500)

  /// See `CWallClock`.
  static let clockLibraryName = "libWallClock.so"

  /// How many free ports the plan takes.
  static func portsNeeded(_ configuration: ClusterConfiguration) -> Int {
    2 * configuration.store.members + 2 * configuration.nodes.count
  }

  /// - Parameter relays: where a node's electors find the store instead.
  /// - Throws: ``ClusterError/missingProgram(_:directory:)``.
  init(
    _ configuration: ClusterConfiguration, directory: StateDirectory, executables: Executables,
    ports: [Int], relays: [String: [EtcdEndpoint]] = [:]
  ) throws {
    precondition(ports.count == Self.portsNeeded(configuration), "too few or too many ports")
    self.clockLibrary =
      configuration.hasOwnClocks ? try executables.path(of: Self.clockLibraryName) : nil
    let network = configuration.network
    self.network = network
    let members = configuration.store.members
    func address(_ host: NetworkHost) -> String { network == nil ? "127.0.0.1" : host.address }
    func url(_ index: Int, port: Int) -> String { "http://\(address(.member(index + 1))):\(port)" }
    let peers = ports[members..<2 * members].enumerated().map { url($0, port: $1) }
    self.store = try ports[..<members].enumerated().map { try EtcdEndpoint(url($0, port: $1)) }
    switch configuration.store {
    case .external(let endpoints):
      self.store = endpoints
    case .kvstore:
      self.add(
        .store, on: .member(1), try executables.path(of: "kvstore"),
        ["--listen-client-urls", self.store[0].url, "--data-dir", directory.storeData], directory)
    case .etcd(let executable, _, _):
      let names = (1...members).map { "zweimaster\($0)" }
      let cluster = zip(names, peers).map { "\($0)=\($1)" }.joined(separator: ",")
      for (index, (client, peer)) in zip(self.store, peers).enumerated() {
        self.add(
          .member(index + 1), on: .member(index + 1), executable,
          [
            "--name=\(names[index])", "--data-dir=\(directory.memberData(index + 1))",
            "--enable-v2=true", "--listen-client-urls=\(client)",
            "--advertise-client-urls=\(client)", "--listen-peer-urls=\(peer)",
            "--initial-advertise-peer-urls=\(peer)", "--initial-cluster=\(cluster)",
            "--heartbeat-interval=\(Self.heartbeat.milliseconds)",
            "--election-timeout=\(Self.electionTimeout.milliseconds)",
          ], directory)
      }
    }
    var flags = configuration.electorFlags
    if let profile = configuration.profile { flags.append("--profile=\(profile.rawValue)") }
    if case .etcd(_, let api, _) = configuration.store { flags.append("--etcd-api=\(api)") }
    for (index, node) in configuration.nodes.enumerated() {
      let first = 2 * members + 2 * index
      let (port, readOnlyPort) = (ports[first], ports[first + 1])
      let address = address(.master(index + 1))
      let kubelet = "http://\(address):\(port)"
      self.kubelets[node] = kubelet
      self.add(
        .component(node: node, .kubelet), on: .master(index + 1),
        try executables.path(of: "fake-kubelet"),
        [
          "--config", directory.manifests(node), "--hostname-override", node,
          "--address", address, "--port", "\(port)", "--read-only-port", "\(readOnlyPort)",
          "--file-check-frequency", "1s",
        ], directory)
      for role in Role.allCases {
        self.add(
          .component(node: node, role.elector), on: .master(index + 1),
          try executables.path(of: "elector"),
          [
            "--etcd-servers=\(Self.text(relays[node] ?? self.store))", "--key=\(role.key)",
            "--whoami=\(node)",
            "--ttl-secs=\(configuration.ttlSeconds)",
            "--sleep=\(configuration.sleep.milliseconds)ms",
            "--source-file=\(directory.source(role, node))",
            "--dest-file=\(directory.destination(role, node))", "--kubelet=\(kubelet)",
            "--kubelet-detection=\(ClusterConfiguration.kubeletDetection.milliseconds)ms",
          ] + flags, directory)
      }
    }
  }

  /// The store's addresses as a flag takes them.
  var storeText: String { Self.text(self.store) }

  private static func text(_ endpoints: [EtcdEndpoint]) -> String {
    endpoints.map(\.url).joined(separator: ",")
  }

  /// The ports of the store's members, of those that the plan takes.
  static func memberPorts(_ configuration: ClusterConfiguration, of ports: [Int]) -> [Int] {
    Array(ports.prefix(configuration.store.members))
  }

  private mutating func add(
    _ name: ProcessName, on host: NetworkHost, _ executable: String, _ arguments: [String],
    _ directory: StateDirectory
  ) {
    let command =
      self.network?.command(host, executable, arguments) ?? (
        executable: executable, arguments: arguments
      )
    var process = ManagedProcess(
      name: name, executable: command.executable, arguments: command.arguments,
      log: directory.log(name))
    if let node = name.node, let clockLibrary = self.clockLibrary {
      process.environment = [
        "LD_PRELOAD": clockLibrary, "ZWEIMASTER_CLOCK": directory.clock(node),
      ]
    }
    self.processes[name] = process
  }
}
