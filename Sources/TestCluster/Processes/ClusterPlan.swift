import HTTPEndpoint

/// A cluster's processes, with their command lines.
package struct ClusterPlan: Sendable {
  /// The store's addresses.
  package var store: [HTTPEndpoint]
  /// The URL of each node's kubelet, the one with all endpoints.
  package var kubelets: [String: String] = [:]
  /// The URL of each node's API server; none without ``ClusterConfiguration/hasAPIServers``.
  package var apiServers: [String: String] = [:]
  package var processes: [ProcessName: ManagedProcess] = [:]
  /// The machines of the recipe's room, by name.
  package var machines: [String: RecipeMachine] = [:]
  /// For nodes with their own wall clocks.
  private let clockLibrary: String?
  private let network: ClusterNetwork?

  /// Shorter than etcd's defaults of 100 and 1000 ms, so that on one machine a member's return or a new leader among
  /// the members takes less than a short lease.
  private static let heartbeat = Duration.milliseconds(50)
  private static let electionTimeout = Duration.milliseconds(500)

  /// Two for the kubelet, one for an API server.
  private static let portsOfNode = 3

  /// See `CWallClock`.
  package static let clockLibraryName = "libWallClock.so"

  /// How many free ports the plan needs.
  package static func portsNeeded(_ configuration: ClusterConfiguration) -> Int {
    // Each machine of a room has its own network.
    configuration.room != nil
      ? 0 : 2 * configuration.store.members + Self.portsOfNode * configuration.nodes.count
  }

  /// - Parameter relays: the store's addresses for a node's electors, where they differ.
  /// - Throws: ``ClusterError/missingProgram(_:directory:)``.
  package init(
    _ configuration: ClusterConfiguration, directory: StateDirectory, executables: Executables,
    ports: [Int], relays: [String: [HTTPEndpoint]] = [:]
  ) throws {
    precondition(ports.count == Self.portsNeeded(configuration), "too few or too many ports")
    self.clockLibrary =
      configuration.hasOwnClocks ? try executables.path(of: Self.clockLibraryName) : nil
    let network = configuration.network
    self.network = network
    let members = configuration.store.members
    func address(_ host: NetworkHost) -> String { network == nil ? "127.0.0.1" : host.address }
    func url(_ index: Int, port: Int) -> String { "http://\(address(.member(index + 1))):\(port)" }
    if configuration.room != nil {
      self.store = [try HTTPEndpoint("http://\(address(.member(1))):\(RecipeRoom.storePort)")]
      self.add(
        .store, on: .member(1), try executables.path(of: "kvstore"),
        ["--listen-client-urls", self.store[0].url, "--data-dir", directory.storeData], directory)
      try self.addMachines(configuration, directory, executables)
      try self.addLoadBalancer(configuration, directory)
      return
    }
    let peers = ports[members..<2 * members].enumerated().map { url($0, port: $1) }
    self.store = try ports[..<members].enumerated().map { try HTTPEndpoint(url($0, port: $1)) }
    switch configuration.store {
    case .external(let endpoints):
      self.store = endpoints
    case .kvstore:
      self.add(
        .store, on: .member(1), try executables.path(of: "kvstore"),
        ["--listen-client-urls", self.store[0].url, "--data-dir", directory.storeData], directory)
    case .etcd(let executable, _):
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
    var flags = ["--etcd-api=\(configuration.api)"] + configuration.electorFlags
    if let profile = configuration.profile { flags.append("--profile=\(profile.rawValue)") }
    let nodes = configuration.nodes.enumerated().map { index, node in
      let first = 2 * members + Self.portsOfNode * index
      let address = address(.master(index + 1))
      self.kubelets[node] = "http://\(address):\(ports[first])"
      if configuration.hasAPIServers {
        self.apiServers[node] = "http://\(address):\(ports[first + 2])"
      }
      return (index, node, address, ports: Array(ports[first..<first + Self.portsOfNode]))
    }
    for (index, node, address, ports) in nodes {
      let kubelet = self.kubelets[node] ?? ""
      self.add(
        .component(node: node, .kubelet), on: .master(index + 1),
        try executables.path(of: "fake-kubelet"),
        [
          "--config", directory.manifests(node), "--hostname-override", node,
          "--address", address, "--port", "\(ports[0])", "--read-only-port", "\(ports[1])",
          "--file-check-frequency", "1s",
        ] + configuration.kubeletFlags
          + (configuration.runsContainers
            ? ["--container-runtime=process", "--root-dir=\(directory.containers(node))"] : [])
          + (self.apiServers[node].map { ["--api-servers", $0, "--register-node=false"] } ?? []),
        directory)
      if configuration.hasAPIServers {
        self.add(
          .component(node: node, .apiServer), on: .master(index + 1),
          try executables.path(of: "fake-apiserver"),
          [
            "--etcd-servers=\(self.storeText)", "--address=\(address)",
            "--insecure-port=\(ports[2])",
          ]
            + self.kubelets.sorted { $0.key < $1.key }.map { "--kubelet-url=\($0.key)=\($0.value)" },
          directory)
      }
      for role in Role.allCases {
        self.add(
          .component(node: node, role.elector), on: .master(index + 1),
          try executables.path(of: "elector"),
          [
            "--etcd-servers=\(Self.text(relays[node] ?? self.store))", "--key=\(role.key)",
            // The nodes of one machine would share the default's place.
            "--control-socket=\(directory.controlSocket(.component(node: node, role.elector)) ?? "off")",
            "--whoami=\(node)",
            "--ttl-secs=\(configuration.ttlSeconds)",
            "--sleep=\(configuration.sleep.milliseconds)ms",
            "--source-file=\(directory.source(role, node))",
            "--dest-file=\(directory.destination(role, node))", "--kubelet=\(kubelet)",
            "--kubelet-detection=\(ClusterConfiguration.kubeletDetection.milliseconds)ms",
            "--kubelet-young-detection=\(ClusterConfiguration.kubeletDetection.milliseconds)ms",
          ] + flags, directory)
      }
    }
    try self.addLoadBalancer(configuration, directory)
  }

  private mutating func addLoadBalancer(
    _ configuration: ClusterConfiguration, _ directory: StateDirectory
  ) throws(ClusterError) {
    guard configuration.loadBalancerPort != nil else { return }
    self.processes[.loadBalancer] = ManagedProcess(
      name: .loadBalancer, executable: try Executables.haproxy(),
      arguments: ["-db", "-f", directory.loadBalancerConfiguration],
      log: directory.log(.loadBalancer))
  }

  /// A process for each machine of the recipe's room.
  private mutating func addMachines(
    _ configuration: ClusterConfiguration, _ directory: StateDirectory, _ executables: Executables
  ) throws {
    for machine in RecipeMachine.all(
      configuration, store: self.storeText, programs: executables.directory)
    {
      for program in machine.programNames.values { _ = try executables.path(of: program) }
      let host = configuration.host(machine.name)
      self.kubelets[machine.name] = "http://\(host.address):\(RecipeRoom.kubeletPort)"
      if case .master = host {
        self.apiServers[machine.name] = "http://\(host.address):\(RecipeRoom.apiServerPort)"
      }
      self.machines[machine.name] = machine
      self.add(
        .component(node: machine.name, .machine), on: host, "unshare",
        [
          "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc",
          "--propagation", "private", "sh", directory.bootScript(machine.name),
        ] + machine.bootArguments(disk: directory.node(machine.name)), directory)
    }
  }

  /// The store's addresses as the value of a flag.
  package var storeText: String { Self.text(self.store) }

  private static func text(_ endpoints: [HTTPEndpoint]) -> String {
    endpoints.map(\.url).joined(separator: ",")
  }

  /// The ports of the store's members, out of the plan's.
  package static func memberPorts(_ configuration: ClusterConfiguration, of ports: [Int]) -> [Int] {
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
    if let clock = directory.clock(name), let clockLibrary = self.clockLibrary {
      process.environment = ["LD_PRELOAD": clockLibrary, "ZWEIMASTER_CLOCK": clock]
    }
    self.processes[name] = process
  }
}
