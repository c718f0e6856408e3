import FoundationEssentials
import Glibc
import TestCluster

/// What some faults need beforehand, and the faults that are more than a signal.
extension Cluster {
  /// With it a kubelet's containers live on when it is killed.
  static let leavesPods = "--leave-pods-running"

  /// Lets the leader hand over, so that a node leads that was prepared.
  /// - Returns: the scene with that leader.
  func handOver(_ scene: FaultScene, within limit: Duration) async throws -> FaultScene {
    // Its own elector may have just been restarted.
    _ = try await self.faultScene(within: limit)
    self.guardian(scene)?.signalAlone(SIGTERM)
    try await self.waitForLeader(of: scene.role, otherThan: scene.leader, within: limit)
    return try await self.faultScene(within: limit)
  }

  /// Stops the leading elector. It stays down, or it could take the lock again that it left to expire.
  func stopForGood(_ scene: FaultScene) async {
    await self.end([scene.guardian], within: self.configuration.longestHandOver)
  }

  func takePartAgain(_ scene: FaultScene) async throws {
    guard self.processes[scene.guardian]?.isWanted == false else { return }
    try await self.launch(scene.guardian)
  }

  /// Starts the kubelet again, which finds the container, and ends it if its manifest is gone. Then starts it once
  /// more without the flag, so that no container outlives the cluster.
  func adoptOrphan(_ scene: FaultScene) async throws {
    let kubelet = ProcessName.component(node: scene.leader, .kubelet)
    try await self.launch(kubelet)
    let isSettled = await Self.wait(upTo: .seconds(30)) {
      let status = await self.status()
      return status.nodes.contains { $0.name == scene.leader && $0.answers }
        && status.runners(of: scene.role).count == 1
    }
    await self.end([kubelet], within: .seconds(10))
    self.processes[kubelet]?.arguments.removeAll { $0 == Self.leavesPods }
    try await self.launch(kubelet)
    guard isSettled else {
      throw ClusterError.notReady("\(kubelet)", log: self.directory.log(kubelet))
    }
  }

  /// Restarts the leader's kubelet while its API server is dead.
  func restartKubeletAlone(_ scene: FaultScene) async throws {
    let kubelet = ProcessName.component(node: scene.leader, .kubelet)
    await self.end(
      [.component(node: scene.leader, .apiServer), kubelet], by: SIGKILL, within: .seconds(10))
    try await self.launch(kubelet)
    try await self.waitUntil("for the pod to run again", within: .seconds(30)) {
      $0.runners(of: scene.role) == [scene.leader]
    }
  }

  private func electionsFile(_ node: String) -> String {
    "\(self.directory.node(node))/elections.yaml"
  }

  /// Restarts the other node's elector with its election in a file.
  func useElectionsFile(_ scene: FaultScene) async throws {
    let name = ProcessName.component(node: scene.other, scene.role.elector)
    await self.end([name], within: self.configuration.longestHandOver)
    let file = self.electionsFile(scene.other)
    try self.directory.write(
      """
      elections:
      - key: \(scene.role.key)
        source-file: \(self.directory.source(scene.role, scene.other))
        dest-file: \(self.directory.destination(scene.role, scene.other))

      """, to: file)
    self.processes[name]?.arguments.removeAll { argument in
      ["--key=", "--source-file=", "--dest-file="].contains { argument.hasPrefix($0) }
    }
    self.processes[name]?.arguments.append("--config=\(file)")
    let log = self.directory.log(name)
    let earlier = LogFile.length(log)
    try await self.launch(name)
    // Else the leader may have the lock again before this one has asked for it.
    try await Self.wait(for: "\(scene.other) to follow", within: .seconds(30)) {
      LogFile.text(log, beyond: earlier).contains("the master is \(scene.leader)")
    }
  }

  /// Writes a mistake into the leader's file, has it reloaded, and kills the elector. Its guard has to start another
  /// one, which takes part.
  func spoilElectionsFile(_ scene: FaultScene) async throws {
    let log = self.directory.log(scene.guardian)
    let earlier = LogFile.length(log)
    try self.directory.write("elections: [", to: self.electionsFile(scene.leader))
    let guardian = self.guardian(scene)
    guardian?.signalAlone(SIGHUP)
    try await Self.wait(for: "the guard to refuse the file", within: .seconds(10)) {
      LogFile.text(log, beyond: earlier).contains("is refused")
    }
    let killedAt = LogFile.length(log)
    guardian?.child?.signalAlone(SIGKILL)
    try await Self.wait(for: "another elector of the same guard", within: .seconds(30)) {
      self.guardian(scene) == guardian
        && LogFile.text(log, beyond: killedAt).contains("key already exists")
    }
  }

  func dropElectionsFile(_ scene: FaultScene) async throws {
    await self.end([scene.guardian], within: self.configuration.longestHandOver)
    self.processes[scene.guardian]?.arguments =
      self.plan.processes[scene.guardian]?.arguments ?? []
    try await self.launch(scene.guardian)
  }

  /// Sets the clock of the leader of etcd's members ahead. It ends the leases that the others have stamped; the
  /// electors, which are restarted, ask the others first.
  func skewMembers(by difference: Duration, within limit: Duration) async throws {
    let leader = try await self.member(isLeader: true)
    try self.directory.setClock(leader, ahead: difference)
    let pairs = zip(self.members, self.store)
    let endpoints = pairs.filter { $0.0 != leader } + pairs.filter { $0.0 == leader }
    let servers = "--etcd-servers=\(endpoints.map(\.1.url).joined(separator: ","))"
    let electors = self.configuration.nodes.flatMap { node in
      Component.electors.map { ProcessName.component(node: node, $0) }
    }
    await self.end(electors, within: self.configuration.longestHandOver)
    let lengths = Dictionary(
      uniqueKeysWithValues: electors.map { ($0, LogFile.length(self.directory.log($0))) })
    for elector in electors {
      self.processes[elector]?.arguments.removeAll { $0.hasPrefix("--etcd-servers=") }
      self.processes[elector]?.arguments.append(servers)
      try await self.launch(elector)
    }
    let measured = "etcd_clock_skew=\"\(difference.components.seconds)."
    try await Self.wait(for: "the electors to measure the clocks", within: limit) {
      electors.allSatisfy {
        LogFile.text(self.directory.log($0), beyond: lengths[$0] ?? 0).contains(measured)
      }
    }
  }
}
