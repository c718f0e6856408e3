import Glibc

extension Cluster {
  /// Kills all processes of a node at once with `SIGKILL`, as if its power failed.
  /// It stays down until ``start(_:)``.
  /// - Throws: ``ClusterError`` when there is no such node, or it is down.
  public func kill(_ node: String) async throws {
    try self.check(node, verb: "kill") { $0 != .down }
    // Down only once all of it has ended: a start meanwhile would be killed with it.
    self.nodeStates[node] = .stopping
    defer { self.nodeStates[node] = .down }
    self.note("kill -9 of \(node)", on: node, isAction: true)
    if self.configuration.room != nil {
      try await self.powerOff(node)
    } else {
      await self.end(self.names(of: node), by: SIGKILL, within: .seconds(10))
    }
  }

  /// Kills a single process of a node with `SIGKILL`; it is restarted, as one that ended by itself. Of an elector it is
  /// the guard.
  public func kill(_ node: String, _ component: Component) throws {
    let name = try self.running(node, component, verb: "kill")
    self.note("kill -9 of \(name)", on: node, isAction: true)
    self.processes[name]?.identity?.signalAlone(SIGKILL)
  }

  /// Stops a node in good order: its electors hand over what they lead, then its kubelet ends.
  public func stop(_ node: String) async throws {
    try self.check(node, verb: "stop") { $0 == .up }
    self.nodeStates[node] = .stopping
    self.note("stopping \(node)", on: node, isAction: true)
    if self.configuration.room != nil {
      // Its kubelet waits for its pods.
      await self.end(self.names(of: node), within: .seconds(60))
      try await self.powerOff(node)
    } else {
      let handOver = self.configuration.longestHandOver
      await self.end(Component.electors.map { .component(node: node, $0) }, within: handOver)
      await self.end([.component(node: node, .kubelet)], within: .seconds(5))
      await self.end([.component(node: node, .apiServer)], within: .seconds(10))
    }
    if self.nodeStates[node] == .stopping { self.nodeStates[node] = .down }
    self.note("\(node) is down", on: node)
  }

  /// Starts a node that is down: first its electors, which remove what an earlier run left in the kubelet's
  /// directory, and only then its kubelet.
  public func start(_ node: String) async throws {
    try self.check(node, verb: "start") { $0 == .down }
    self.nodeStates[node] = .starting
    self.note("starting \(node)", on: node, isAction: true)
    do {
      if self.configuration.room != nil {
        try await self.powerOn(node)
      } else {
        try await self.startProcesses(of: node)
      }
      try self.checkStarting(node)
      self.nodeStates[node] = .up
      self.note("\(node) is up", on: node)
    } catch {
      // A command that interrupted this has ended the processes, too.
      if self.nodeStates[node] == .starting {
        self.nodeStates[node] = .down
        await self.end(self.names(of: node), by: SIGKILL, within: .seconds(10))
      }
      try Task.checkCancellation()
      throw error
    }
  }

  private func startProcesses(of node: String) async throws {
    let leftOver = Role.allCases.compactMap { role in
      FileVersion(self.directory.destination(role, node)).map { (role, $0) }
    }
    if let apiServer = self.apiServerURL(node) {
      let name = ProcessName.component(node: node, .apiServer)
      try await self.launch(name)
      try await self.waitForAnswer("\(apiServer)/healthz", of: name)
    }
    for component in Component.electors {
      try await self.launch(.component(node: node, component))
    }
    for (role, file) in leftOver {
      let path = self.directory.destination(role, node)
      guard await Self.wait(upTo: .seconds(10), until: { FileVersion(path) != file }) else {
        throw ClusterError.leftOverManifest(
          path: path, log: self.directory.log(.component(node: node, role.elector)))
      }
    }
    try self.checkStarting(node)
    let kubelet = ProcessName.component(node: node, .kubelet)
    try await self.launch(kubelet)
    try await self.waitForAnswer("\(self.kubeletURL(node))/healthz", of: kubelet)
  }

  /// - Throws: ``ClusterError/interrupted(_:)`` when another command has changed the node's state.
  package func checkStarting(_ node: String) throws(ClusterError) {
    guard self.nodeStates[node] == .starting else { throw .interrupted("starting \(node)") }
  }

  /// Stops a node, or one of its processes, with `SIGSTOP`. Of an elector that is named it is the guard: guard and elector
  /// that stand still together could not prevent two pods.
  public func pause(_ node: String, _ component: Component? = nil) throws {
    try self.signal(node, component, SIGSTOP, verb: "pause", isPaused: true)
  }

  /// Continues a node or a process after ``pause(_:_:)``.
  public func resume(_ node: String, _ component: Component? = nil) throws {
    try self.signal(node, component, SIGCONT, verb: "resume", isPaused: false)
  }

  private func signal(
    _ node: String, _ component: Component?, _ number: Int32, verb: String, isPaused: Bool
  ) throws {
    let components = component.map { [$0] } ?? self.configuration.components
    let names = try components.map { try self.running(node, $0, verb: verb) }
    self.note(
      "\(verb) \(node)\(component.map { "/\($0.rawValue)" } ?? "")", on: node, isAction: true)
    for name in names {
      if component != nil, number == SIGSTOP {
        self.processes[name]?.identity?.signalAlone(number)
      } else {
        // The elector of a guard, too: it stands still when the whole node was paused.
        self.processes[name]?.identity?.signal(number)
      }
      self.processes[name]?.isPaused = isPaused
    }
  }

  /// Waits until a process of a node answers with 200, or another command changes the node's state.
  package func waitForAnswer(_ url: String, of name: ProcessName) async throws {
    let isReady = await Self.wait(upTo: .seconds(60)) {
      if let node = name.node, self.nodeStates[node] != .starting { return true }
      return (try? await self.requests.data(url))?.status == 200
    }
    try Task.checkCancellation()
    if let node = name.node { try self.checkStarting(node) }
    guard isReady else { throw ClusterError.notReady("\(name)", log: self.directory.log(name)) }
  }

  /// - Throws: ``ClusterError`` when there is no such node, or the verb does not go with its state.
  package func check(
    _ node: String, verb: String, _ fits: (NodeState) -> Bool
  ) throws(ClusterError) {
    guard let state = self.nodeStates[node] else {
      throw .unknownNode(node, known: self.configuration.nodes)
    }
    guard fits(state) else { throw .wrongState(name: node, state: state, verb: verb) }
  }

  package func names(of node: String) -> [ProcessName] {
    self.configuration.components.map { .component(node: node, $0) }
  }

  package func running(
    _ node: String, _ component: Component, verb: String
  ) throws -> ProcessName {
    try self.check(node, verb: verb) { $0 != .down }
    guard self.configuration.room == nil else { throw ClusterError.notOfMachines(verb: verb) }
    guard self.configuration.components.contains(component) else {
      throw ClusterError.unknownComponent(
        component.rawValue, known: self.configuration.components.map(\.rawValue))
    }
    return .component(node: node, component)
  }
}

/// Distinguishes a file from its successors under the same name.
private struct FileVersion: Equatable {
  var inode: UInt
  var seconds: Int
  var nanoseconds: Int

  /// `nil` when there is no file.
  init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    self.inode = UInt(status.st_ino)
    self.seconds = status.st_ctim.tv_sec
    self.nanoseconds = status.st_ctim.tv_nsec
  }
}
