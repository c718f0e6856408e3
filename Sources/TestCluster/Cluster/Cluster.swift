import EtcdClient
import FaultRelay
import Glibc
import HTTPEndpoint
import ServiceLifecycle

/// A control plane of several nodes on one machine, in real processes.
///
/// Each node is a fake kubelet and two electors; all nodes share a store. A process that ends by itself is
/// restarted, a little later each time. A node that is killed stays down until it is started, as a machine without
/// power does.
///
/// ```swift
/// try await Cluster.withRunning(ClusterConfiguration(stateDirectory: directory)) { cluster in
///   let leader = try await cluster.waitForLeader(of: .scheduler)
///   try await cluster.kill(leader)
///   try await cluster.waitForLeader(of: .scheduler, otherThan: leader)
/// }
/// ```
///
/// The fake kubelets only *pretend* to run pods. The electors are processes of this cluster; the pod `podmaster`
/// stands for them.
public actor Cluster {
  /// What it was started with.
  public nonisolated let configuration: ClusterConfiguration
  package nonisolated let directory: StateDirectory
  package nonisolated let requests: Requests
  package let etcd: EtcdClient
  /// The leases' keys, for reading only.
  package let leaseKeys: [Role: EtcdLeasedKey]
  package nonisolated let lock: DirectoryHandle
  package let launches: AsyncStream<ProcessName>.Continuation
  package nonisolated let plan: ClusterPlan
  /// The relays between a node's electors and the store's members; empty without ``ClusterConfiguration/hasRelays``.
  package nonisolated let relays: [String: [Relay]]

  package var processes: [ProcessName: ManagedProcess] = [:]
  package var nodeStates: [String: NodeState]
  package var storeState: NodeState?
  /// The nodes that ``cut(_:)`` has cut off.
  package var cutNodes: Set<String> = []
  /// The nodes of which a ``cut(_:)`` or ``mend(_:)`` is under way.
  package var nodesInChange: Set<String> = []
  /// The store's processes; empty for an external store.
  package let members: [ProcessName]
  /// The last ones, oldest first.
  package private(set) var events: [ClusterEvent] = []
  /// Every process of this cluster so far, so that a caller can check that none is left.
  package internal(set) var started: [ProcessIdentity] = []
  /// Whether a client has asked for the cluster's end over the control socket.
  package private(set) var isEndRequested = false

  // MARK: - Up and down

  /// Starts a cluster, runs the body, and takes the cluster down, however the body ends.
  ///
  /// A graceful shutdown of the surrounding service group cancels the body.
  /// - Throws: ``ClusterError`` when the cluster does not start, or what the body throws.
  public static func withRunning<Result: Sendable>(
    _ configuration: ClusterConfiguration,
    _ body: @escaping @Sendable (Cluster) async throws -> Result
  ) async throws -> Result {
    let directory = StateDirectory(configuration.stateDirectory)
    let (lock, earlier) = try directory.claim()
    if let earlier { await Self.endLeftOvers(of: earlier, report: configuration.report) }
    let ports = try FreePorts.pick(ClusterPlan.portsNeeded(configuration))
    return try await Self.withRelays(configuration, ports) { relays in
      let plan = try ClusterPlan(
        configuration, directory: directory, executables: Executables(configuration.executables),
        ports: ports, relays: relays.mapValues { $0.map(\.endpoint) })
      return try await Requests.with { requests in
        try await EtcdClient.with(endpoints: plan.store, timeout: .milliseconds(500)) { etcd in
          let (launches, inbox) = AsyncStream.makeStream(of: ProcessName.self)
          let cluster = Cluster(
            configuration, directory: directory, lock: lock, plan: plan, relays: relays,
            requests: requests, etcd: etcd, launches: inbox)
          return try await cluster.run(launches, body)
        }
      }
    }
  }

  /// With relays, each node has one for each member of the store.
  private static func withRelays<Result: Sendable>(
    _ configuration: ClusterConfiguration, _ ports: [Int],
    _ body: ([String: [Relay]]) async throws -> Result
  ) async throws -> Result {
    guard configuration.hasRelays else { return try await body([:]) }
    let targets = ClusterPlan.memberPorts(configuration, of: ports)
    let nodes = configuration.nodes
    return try await Relay.with(ports: nodes.flatMap { _ in targets }) { relays in
      try await body(
        Dictionary(
          uniqueKeysWithValues: nodes.enumerated().map { index, node in
            (node, Array(relays.dropFirst(index * targets.count).prefix(targets.count)))
          }))
    }
  }

  /// Supervises the processes while the cluster starts, the body runs and the cluster is taken down.
  private nonisolated func run<Result: Sendable>(
    _ launches: AsyncStream<ProcessName>,
    _ body: @escaping @Sendable (Cluster) async throws -> Result
  ) async throws -> Result {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await self.supervise(launches) }
      let result: Swift.Result<Result, any Error>
      do {
        result = .success(
          try await cancelWhenGracefulShutdown {
            try await self.bringUp()
            return try await body(self)
          })
      } catch {
        result = .failure(error)
      }
      await self.takeDown()
      try await group.waitForAll()
      try self.directory.writeRecord(ClusterRecord())
      return try result.get()
    }
  }

  private init(
    _ configuration: ClusterConfiguration, directory: StateDirectory, lock: DirectoryHandle,
    plan: ClusterPlan, relays: [String: [Relay]], requests: Requests, etcd: EtcdClient,
    launches: AsyncStream<ProcessName>.Continuation
  ) {
    self.configuration = configuration
    self.directory = directory
    self.lock = lock
    self.plan = plan
    self.relays = relays
    self.requests = requests
    self.etcd = etcd
    self.leaseKeys = Dictionary(
      uniqueKeysWithValues: Role.allCases.map { role in
        let options = LeaseOptions(
          key: role.key, value: "", ttlSeconds: 1, timeout: .milliseconds(500))
        return (
          role,
          EtcdLeasedKey(
            client: etcd, api: configuration.api, options: options, records: false)
        )
      })
    self.launches = launches
    self.processes = plan.processes
    self.nodeStates = Dictionary(uniqueKeysWithValues: configuration.nodes.map { ($0, .down) })
    self.storeState = plan.processes[.store].map { _ in .down }
    self.members = plan.processes.keys
      .filter { if case .member = $0 { true } else { false } }.sorted { "\($0)" < "\($1)" }
  }

  /// The store's addresses.
  public nonisolated var store: [EtcdEndpoint] { self.plan.store }

  /// The URL of a node's API server; `nil` when it has none.
  public nonisolated func apiServerURL(_ node: String) -> String? { self.plan.apiServers[node] }

  /// The URL of the kubelet's server with all endpoints.
  package nonisolated func kubeletURL(_ node: String) -> String { self.plan.kubelets[node] ?? "" }

  private func bringUp() async throws {
    try self.directory.lay(self.configuration, store: self.plan.storeText)
    try self.directory.lay(self.plan.machines.values)
    if let port = self.configuration.loadBalancerPort {
      try self.directory.lay(self.loadBalancer(port), port: port)
    }
    try self.writeRecord()
    if self.storeState == nil {
      self.note("using the store at \(self.plan.storeText)")
      try await self.waitForStore()
    } else {
      try await self.startStore()
    }
    try await withThrowingDiscardingTaskGroup { group in
      for node in self.configuration.nodes {
        group.addTask { try await self.start(node) }
      }
    }
    if let port = self.configuration.loadBalancerPort { try await self.startLoadBalancer(port) }
    if self.configuration.makesNamespace { try await self.makeNamespace() }
  }

  /// Electors first, so that they release what they lead; then the kubelets, which end the pods; then the store,
  /// which both need.
  private func takeDown() async {
    self.note("taking everything down")
    let electors = self.processes.keys.filter { name in
      if case .component(_, let component) = name {
        Component.electors.contains(component)
      } else {
        false
      }
    }
    let rest = self.processes.keys.filter { $0.node != nil && !electors.contains($0) }
    let handOver = self.configuration.longestHandOver
    await self.end(electors, within: handOver)
    // An orderly stop of a machine would take half a minute.
    await self.end(
      rest, by: self.configuration.room == nil ? SIGTERM : SIGKILL, within: .seconds(3))
    await self.end([.loadBalancer] + self.members, within: .seconds(5))
    self.launches.finish()
  }

  /// Ends processes that an earlier cluster in the same directory left behind when it was killed.
  package static func endLeftOvers(
    of record: ClusterRecord, report: @Sendable (String) -> Void
  ) async {
    let left = record.processes.map(\.identity).filter(\.isAlive)
    guard !left.isEmpty else { return }
    report("ending \(left.count) processes that an earlier cluster in this directory left behind")
    for identity in left { identity.signal(SIGKILL) }
    _ = await Self.wait(upTo: .seconds(10)) { !left.contains(where: \.isAlive) }
  }

  // MARK: - Events and the record

  /// Records an event, and reports it.
  /// - Parameters:
  ///   - text: a sentence.
  ///   - node: where it happened; `nil` for the whole cluster or its store.
  ///   - isAction: whether a verb did it.
  package func note(_ text: String, on node: String? = nil, isAction: Bool = false) {
    self.events.append(
      ClusterEvent(
        number: (self.events.last?.number ?? 0) + 1, at: .now, node: node, isAction: isAction,
        text: text))
    if self.events.count > 100 { self.events.removeFirst() }
    self.configuration.report(text)
  }

  package func recordChange() {
    do {
      try self.writeRecord()
    } catch {
      self.note("\(error)")
    }
  }

  private func writeRecord() throws(ClusterError) {
    var record = ClusterRecord(supervisor: ProcessIdentity(pid: getpid()))
    record.store = self.store.map(\.url)
    record.nodes = self.configuration.nodes.map {
      ClusterRecord.Node(
        name: $0, kubelet: self.kubeletURL($0), directory: self.directory.node($0))
    }
    record.processes = self.processes.values
      .compactMap { process in
        process.identity.map { ClusterRecord.Process(name: "\(process.name)", identity: $0) }
      }
      .sorted { $0.name < $1.name }
    try self.directory.writeRecord(record)
  }

  /// Asks the process that runs this cluster to end it.
  package func requestEnd() { self.isEndRequested = true }

  /// The same, for a condition that has to come.
  /// - Throws: ``ClusterError/timedOut(_:after:)``.
  package nonisolated(nonsending) static func wait(
    for what: String, within limit: Duration, until condition: () async -> Bool
  ) async throws(ClusterError) {
    guard await Self.wait(upTo: limit, until: condition) else {
      throw .timedOut("for \(what)", after: limit)
    }
  }

  /// Waits for a condition; checks it every 20 ms.
  /// - Returns: `false` on time-out or cancellation.
  package nonisolated(nonsending) static func wait(
    upTo limit: Duration, until condition: () async -> Bool
  ) async -> Bool {
    let end = ContinuousClock.now + limit
    while await !condition() {
      guard ContinuousClock.now < end else { return false }
      do {
        try await Task.sleep(for: .milliseconds(20))
      } catch {
        return false
      }
    }
    return true
  }
}
