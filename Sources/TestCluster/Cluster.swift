import EtcdClient
import Glibc
import ServiceLifecycle
import Subprocess
import SystemPackage

/// A control plane of several masters on one machine, in real processes.
///
/// Each master is a fake kubelet and two electors; all of them share a store. The processes are looked
/// after as a kubelet or an init would: one that ends by itself is started again, a little later each
/// time. A node that is killed stays down until it is started, as a machine without power does.
///
/// ```swift
/// try await Cluster.withRunning(ClusterConfiguration(stateDirectory: directory)) { cluster in
///   let leader = try await cluster.waitForLeader(of: .scheduler)
///   try await cluster.kill(leader)
///   try await cluster.waitForLeader(of: .scheduler, otherThan: leader)
/// }
/// ```
///
/// The fake kubelets only *pretend* to run the `podmaster` pod of the recipe; the electors are
/// processes of this cluster.
public actor Cluster {
  public nonisolated let configuration: ClusterConfiguration
  public nonisolated let directory: StateDirectory
  nonisolated let requests: Requests
  private let etcd: EtcdClient
  nonisolated let lock: DirectoryHandle
  private let launches: AsyncStream<ProcessName>.Continuation
  private nonisolated let plan: ClusterPlan

  private(set) var processes: [ProcessName: ManagedProcess] = [:]
  private(set) var nodeStates: [String: NodeState]
  private(set) var storeState: NodeState?
  private var events: [String] = []
  /// Every process that was ever started here, for looking afterwards whether one is left.
  public private(set) var started: [ProcessIdentity] = []
  /// Whether somebody has asked, over the control socket, for this cluster's end.
  public private(set) var isEndRequested = false

  // MARK: - Up and down

  /// Brings a cluster up, runs the body, and takes all of it down again, however the body ends.
  ///
  /// A graceful shutdown of the surrounding service group cancels the body.
  /// - Throws: ``ClusterError`` when the cluster does not come up, else what the body throws.
  public static func withRunning<Result: Sendable>(
    _ configuration: ClusterConfiguration,
    _ body: @escaping @Sendable (Cluster) async throws -> Result
  ) async throws -> Result {
    let directory = StateDirectory(configuration.stateDirectory)
    let (lock, earlier) = try directory.claim()
    if let earlier { await Self.endLeftOvers(of: earlier, report: configuration.report) }
    let plan = try ClusterPlan(
      configuration, directory: directory, executables: Executables(configuration.executables),
      ports: FreePorts.pick(ClusterPlan.portsNeeded(configuration)))
    return try await Requests.with { requests in
      try await EtcdClient.with(endpoints: plan.store, timeout: .milliseconds(500)) { etcd in
        let (launches, inbox) = AsyncStream.makeStream(of: ProcessName.self)
        let cluster = Cluster(
          configuration, directory: directory, lock: lock, plan: plan, requests: requests,
          etcd: etcd, launches: inbox)
        return try await cluster.run(launches, body)
      }
    }
  }

  /// Looks after the processes while the cluster is brought up, the body runs and all is taken down.
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
    plan: ClusterPlan, requests: Requests, etcd: EtcdClient,
    launches: AsyncStream<ProcessName>.Continuation
  ) {
    self.configuration = configuration
    self.directory = directory
    self.lock = lock
    self.plan = plan
    self.requests = requests
    self.etcd = etcd
    self.launches = launches
    self.processes = plan.processes
    self.nodeStates = Dictionary(uniqueKeysWithValues: configuration.nodes.map { ($0, .down) })
    self.storeState = plan.processes[.store].map { _ in .down }
  }

  /// Where the store's clients find it.
  public nonisolated var store: [EtcdEndpoint] { self.plan.store }

  /// The address of the kubelet's server with all endpoints.
  nonisolated func kubeletURL(_ node: String) -> String { self.plan.kubelets[node] ?? "" }

  private func bringUp() async throws {
    try self.directory.lay(self.configuration, store: self.plan.storeText)
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
  }

  /// Electors first, so that what they lead is handed over or ends; then the kubelets that end it;
  /// then the store that both talk to.
  private func takeDown() async {
    self.note("taking everything down")
    let electors = self.processes.keys.filter { name in
      if case .component(_, let component) = name { component != .kubelet } else { false }
    }
    let kubelets = self.processes.keys.filter { $0 != .store && !electors.contains($0) }
    let handOver = (self.configuration.podStopTime ?? .zero) + .seconds(5)
    await self.end(electors, within: handOver)
    await self.end(kubelets, within: .seconds(3))
    if self.storeState != nil { await self.end([.store], within: .seconds(5)) }
    self.launches.finish()
  }

  /// Ends what an earlier cluster in the same directory has left, because it was killed.
  private static func endLeftOvers(
    of record: ClusterRecord, report: @Sendable (String) -> Void
  ) async {
    let left = record.processes.map(\.identity).filter(\.isAlive)
    guard !left.isEmpty else { return }
    report("ending \(left.count) processes that an earlier cluster in this directory left behind")
    for identity in left { identity.signal(SIGKILL) }
    _ = await Self.wait(upTo: .seconds(10)) { !left.contains(where: \.isAlive) }
  }

  // MARK: - Nodes

  /// Switches a node off and on: `SIGKILL` for all of its processes at once, as if its power failed.
  /// It stays down until ``start(_:)``.
  public func kill(_ node: String) async throws {
    let state = try self.state(of: node)
    guard state != .down else {
      throw ClusterError.wrongState(name: node, state: state, verb: "die")
    }
    self.nodeStates[node] = .down
    self.note("kill -9 of \(node)")
    await self.end(self.names(of: node), by: SIGKILL, within: .seconds(10))
  }

  /// Kills a single process of a node; it is started again, as one that died by itself.
  public func kill(_ node: String, _ component: Component) throws {
    let name = try self.running(node, component, verb: "die")
    self.note("kill -9 of \(name)")
    self.processes[name]?.identity?.signal(SIGKILL)
  }

  /// Takes a node down in good order: its electors hand over what they lead, then its kubelet ends.
  public func stop(_ node: String) async throws {
    let state = try self.state(of: node)
    guard state == .up else {
      throw ClusterError.wrongState(name: node, state: state, verb: "stop")
    }
    self.nodeStates[node] = .stopping
    self.note("stopping \(node)")
    // Long enough for a pod's grace period of 30 s, which is what the recipe's manifests have.
    let handOver = (self.configuration.podStopTime ?? .seconds(30)) + .seconds(5)
    await self.end(Component.electors.map { .component(node: node, $0) }, within: handOver)
    await self.end([.component(node: node, .kubelet)], within: .seconds(5))
    if self.nodeStates[node] == .stopping { self.nodeStates[node] = .down }
    self.note("\(node) is down")
  }

  /// Brings a node up that is down: first its electors, which remove what an earlier life left in the
  /// kubelet's directory, and only then its kubelet.
  public func start(_ node: String) async throws {
    let state = try self.state(of: node)
    guard state == .down else {
      throw ClusterError.wrongState(name: node, state: state, verb: "start")
    }
    self.nodeStates[node] = .starting
    self.note("starting \(node)")
    do {
      let leftOver = Role.allCases.compactMap { role in
        FileIdentity(self.directory.destination(role, node)).map { (role, $0) }
      }
      for component in Component.electors {
        try await self.launch(.component(node: node, component))
      }
      for (role, file) in leftOver {
        let path = self.directory.destination(role, node)
        guard await Self.wait(upTo: .seconds(10), until: { FileIdentity(path) != file }) else {
          throw ClusterError.leftOverManifest(
            path: path, log: self.directory.log(.component(node: node, role.elector)))
        }
      }
      guard self.nodeStates[node] == .starting else {
        throw ClusterError.interrupted("starting \(node)")
      }
      let kubelet = ProcessName.component(node: node, .kubelet)
      try await self.launch(kubelet)
      let url = "\(self.kubeletURL(node))/healthz"
      let isReady = await Self.wait(upTo: .seconds(20)) {
        (try? await self.requests.data(url))?.status == 200
      }
      guard self.nodeStates[node] == .starting else {
        throw ClusterError.interrupted("starting \(node)")
      }
      guard isReady else {
        throw ClusterError.notReady("\(kubelet)", log: self.directory.log(kubelet))
      }
      self.nodeStates[node] = .up
      self.note("\(node) is up")
    } catch {
      if self.nodeStates[node] == .starting { self.nodeStates[node] = .down }
      await self.end(self.names(of: node), by: SIGKILL, within: .seconds(5))
      try Task.checkCancellation()
      throw error
    }
  }

  /// Stops the clock of a node, or of one of its processes, with `SIGSTOP`.
  public func pause(_ node: String, _ component: Component? = nil) throws {
    try self.signal(node, component, SIGSTOP, verb: "pause", isPaused: true)
  }

  /// Lets what ``pause(_:_:)`` has stopped go on.
  public func resume(_ node: String, _ component: Component? = nil) throws {
    try self.signal(node, component, SIGCONT, verb: "resume", isPaused: false)
  }

  private func signal(
    _ node: String, _ component: Component?, _ number: Int32, verb: String, isPaused: Bool
  ) throws {
    let components = component.map { [$0] } ?? Component.allCases
    let names = try components.map { try self.running(node, $0, verb: verb) }
    self.note("\(verb) \(node)\(component.map { "/\($0.rawValue)" } ?? "")")
    for name in names {
      self.processes[name]?.identity?.signal(number)
      self.processes[name]?.isPaused = isPaused
    }
  }

  private func state(of node: String) throws -> NodeState {
    guard let state = self.nodeStates[node] else {
      throw ClusterError.unknownNode(node, known: self.configuration.nodes)
    }
    return state
  }

  private func names(of node: String) -> [ProcessName] {
    Component.allCases.map { .component(node: node, $0) }
  }

  private func running(
    _ node: String, _ component: Component, verb: String
  ) throws -> ProcessName {
    let state = try self.state(of: node)
    guard state != .down else {
      throw ClusterError.wrongState(name: node, state: state, verb: verb)
    }
    return .component(node: node, component)
  }

  // MARK: - The store

  /// Kills the store with `SIGKILL`: from then on it refuses connections. It stays down until
  /// ``startStore()``.
  public func killStore() async throws {
    try self.checkStore(isDown: false, verb: "die")
    self.storeState = .down
    self.note("kill -9 of the store")
    await self.end([.store], by: SIGKILL, within: .seconds(10))
  }

  /// Brings the store up, with the data and the port that it had.
  public func startStore() async throws {
    try self.checkStore(isDown: true, verb: "start")
    self.storeState = .starting
    self.note("starting the store at \(self.plan.storeText)")
    do {
      try await self.launch(.store)
      try await self.waitForStore()
      self.storeState = .up
      self.note("the store is up")
    } catch {
      self.storeState = .down
      await self.end([.store], by: SIGKILL, within: .seconds(5))
      try Task.checkCancellation()
      throw error
    }
  }

  /// Stops the store's clock: from then on it takes connections and says nothing.
  public func pauseStore() throws {
    try self.checkStore(isDown: false, verb: "pause")
    self.note("pause the store")
    self.processes[.store]?.identity?.signal(SIGSTOP)
    self.processes[.store]?.isPaused = true
  }

  /// Lets a paused store go on.
  public func resumeStore() throws {
    try self.checkStore(isDown: false, verb: "resume")
    self.note("resume the store")
    self.processes[.store]?.identity?.signal(SIGCONT)
    self.processes[.store]?.isPaused = false
  }

  private func checkStore(isDown: Bool, verb: String) throws {
    guard let state = self.storeState else { throw ClusterError.externalStore(verb: verb) }
    guard (state == .down) == isDown else {
      throw ClusterError.wrongState(name: "store", state: state, verb: verb)
    }
  }

  /// Until one of the store's endpoints answers the v2 API.
  private func waitForStore() async throws {
    let isOurs = self.storeState != nil
    let end = ContinuousClock.now + (isOurs ? .seconds(20) : .seconds(5))
    while true {
      do throws(EtcdClientError) {
        _ = try await self.etcd.get("/")
        return
      } catch .malformed(let endpoint, _) {
        throw ClusterError.storeWithoutV2(url: endpoint.url)
      } catch {
        guard ContinuousClock.now < end else {
          throw ClusterError.storeUnreachable(
            urls: self.store.map(\.url), reason: "\(error)",
            log: isOurs ? self.directory.log(.store) : nil)
        }
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  // MARK: - Processes

  /// Looks after all processes that are launched, until the last has ended.
  private nonisolated func supervise(_ launches: AsyncStream<ProcessName>) async {
    await withDiscardingTaskGroup { group in
      for await name in launches {
        group.addTask { await self.supervise(name) }
      }
    }
  }

  /// Runs one process, again and again, for as long as it is wanted.
  private func supervise(_ name: ProcessName) async {
    var backoff = RestartBackoff()
    while let process = self.processes[name], process.isWanted, !Task.isCancelled {
      let started = ContinuousClock.now
      let end = await self.runOnce(process)
      self.processes[name]?.identity = nil
      self.processes[name]?.isPaused = false
      self.recordChange()
      guard self.processes[name]?.isWanted == true, !Task.isCancelled else { break }
      let delay = backoff.delay(afterRunningFor: ContinuousClock.now - started)
      self.note("\(name) \(end); it is started again in \(delay.inSeconds(decimals: 1)) s")
      _ = await Self.wait(upTo: delay) { self.processes[name]?.isWanted != true }
      self.processes[name]?.restarts += 1
    }
    self.processes[name]?.isSupervised = false
  }

  private func runOnce(_ process: ManagedProcess) async -> ProcessEnd {
    do {
      let log = try FileDescriptor.open(
        process.log, .writeOnly, options: [.append, .create, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
      var options = PlatformOptions()
      // A group of its own: a ctrl-C in the terminal is for us alone.
      options.processGroupID = 0
      // Only for when this task is cancelled; takeDown() ends processes in order.
      options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(3))]
      let outcome = try await Subprocess.run(
        process.executable.contains("/")
          ? .path(FilePath(process.executable)) : .name(process.executable),
        arguments: Arguments(process.arguments), platformOptions: options, input: .none,
        output: .fileDescriptor(log, closeAfterSpawningProcess: true), error: .combinedWithOutput
      ) { execution in
        self.hasStarted(process.name, pid: execution.processIdentifier.value)
      }
      switch outcome.terminationStatus {
      case .exited(let code): return ProcessEnd(cause: .code(code))
      case .signaled(let number): return ProcessEnd(cause: .signal(number))
      }
    } catch {
      return ProcessEnd(cause: .notStarted("\(error)"))
    }
  }

  private func hasStarted(_ name: ProcessName, pid: Int32) {
    let identity = ProcessIdentity(pid: pid)
    self.processes[name]?.identity = identity
    if let identity { self.started.append(identity) }
    self.recordChange()
    // It may have become unwanted while it was being started.
    if self.processes[name]?.isWanted != true { identity?.signal(SIGKILL) }
  }

  /// Has a process started and looked after.
  private func launch(_ name: ProcessName) async throws {
    let isFree = await Self.wait(upTo: .seconds(10)) {
      self.processes[name]?.isSupervised == false
    }
    guard isFree else { throw ClusterError.interrupted("starting \(name)") }
    self.processes[name]?.isWanted = true
    self.processes[name]?.isSupervised = true
    self.processes[name]?.restarts = 0
    self.launches.yield(name)
  }

  /// Ends processes for good: with a signal, and with `SIGKILL` those that do not end in time.
  private func end(
    _ names: [ProcessName], by signal: Int32 = SIGTERM, within limit: Duration
  ) async {
    for name in names {
      self.processes[name]?.isWanted = false
      self.processes[name]?.identity?.signal(signal)
      // A paused process would keep the signal for later.
      self.processes[name]?.identity?.signal(SIGCONT)
    }
    if await self.haveEnded(names, within: limit) { return }
    for name in names where self.processes[name]?.identity != nil {
      self.note("\(name) does not end, so it is killed")
      self.processes[name]?.identity?.signal(SIGKILL)
    }
    _ = await self.haveEnded(names, within: .seconds(5))
  }

  private func haveEnded(_ names: [ProcessName], within limit: Duration) async -> Bool {
    await Self.wait(upTo: limit) {
      names.allSatisfy { self.processes[$0]?.isSupervised != true }
    }
  }

  // MARK: - What is known

  /// Takes down what happened, for the table and for whoever asked to be told.
  private func note(_ event: String) {
    self.events.append(event)
    if self.events.count > 100 { self.events.removeFirst() }
    self.configuration.report(event)
  }

  /// Asks the kubelets and the store how things are.
  public func status() async -> ClusterStatus {
    async let leases = self.leases()
    var nodes: [ClusterStatus.Node] = []
    var pods: [PodRow] = []
    await withTaskGroup(of: (String, KubeletView?).self) { group in
      for node in self.configuration.nodes {
        group.addTask { (node, await KubeletView(self.kubeletURL(node), self.requests)) }
      }
      for await (node, view) in group {
        nodes.append(self.node(node, view))
        pods += view?.rows ?? []
      }
    }
    let store = self.processes[.store]
    return ClusterStatus(
      store: ClusterStatus.Store(
        urls: self.store.map(\.url), state: self.storeState, pid: store?.identity?.pid,
        restarts: store?.restarts ?? 0, isPaused: store?.isPaused ?? false),
      nodes: nodes.sorted { $0.name < $1.name }, leases: await leases,
      pods: pods.sorted { $0.name < $1.name }, events: self.events)
  }

  private func node(_ name: String, _ view: KubeletView?) -> ClusterStatus.Node {
    ClusterStatus.Node(
      name: name, state: self.nodeStates[name] ?? .down, kubelet: self.kubeletURL(name),
      processes: Component.allCases.map { component in
        let process = self.processes[.component(node: name, component)]
        return ClusterStatus.Process(
          component: component, pid: process?.identity?.pid, restarts: process?.restarts ?? 0,
          isPaused: process?.isPaused ?? false)
      },
      running: Role.allCases.filter { view?.running.contains("\($0.podName)-\(name)") == true },
      answers: view != nil)
  }

  private func recordChange() {
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

  /// What the store says of the two leases.
  private func leases() async -> [ClusterStatus.Lease] {
    var result: [ClusterStatus.Lease] = []
    for role in Role.allCases {
      do throws(EtcdClientError) {
        let node = try await self.etcd.get("/\(role.key)", quorum: true).node
        result.append(
          ClusterStatus.Lease(
            role: role, holder: node.value, ttlSeconds: node.ttl, term: node.createdIndex))
      } catch .refused(let refusal) where refusal.errorCode == EtcdError.keyNotFound {
        result.append(ClusterStatus.Lease(role: role))
      } catch {
        result.append(ClusterStatus.Lease(role: role, problem: "\(error)"))
      }
    }
    return result
  }

  // MARK: - Waiting

  /// Waits until the cluster is as wanted.
  /// - Returns: the cluster as it was then.
  /// - Throws: ``ClusterError/timedOut(_:after:)`` with the words and the last view.
  @discardableResult
  public func waitUntil(
    _ what: String, within limit: Duration = .seconds(60),
    _ condition: @Sendable (ClusterStatus) -> Bool
  ) async throws -> ClusterStatus {
    let end = ContinuousClock.now + limit
    while true {
      let status = await self.status()
      if condition(status) { return status }
      try Task.checkCancellation()
      guard ContinuousClock.now < end else {
        throw ClusterError.timedOut("\(what)\n\(status.view())", after: limit)
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  /// Waits until one node leads: it holds the lease, and it alone runs the pod.
  @discardableResult
  public func waitForLeader(
    of role: Role, otherThan former: String? = nil, within limit: Duration = .seconds(60)
  ) async throws -> String {
    let status = try await self.waitUntil(
      "for a leader of \(role.key)\(former.map { " other than \($0)" } ?? "")", within: limit
    ) { status in status.leader(of: role).map { $0 != former } ?? false }
    return status.leader(of: role) ?? ""
  }

  /// Asks whoever runs this cluster to end it.
  func requestEnd() { self.isEndRequested = true }

  /// Looks every 20 ms whether something has come true.
  /// - Returns: `false` when the time ran out or the task was cancelled.
  nonisolated(nonsending) static func wait(
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
