import FoundationEssentials
import Glibc
import Subprocess
import TestCluster

extension Cluster {
  /// Waits until all nodes are up and each role has its leader.
  package func faultScene(within limit: Duration) async throws -> FaultScene {
    let nodes = self.configuration.nodes
    let status = try await self.waitUntil("for all to be up and settled", within: limit) {
      status in
      Role.allCases.allSatisfy { status.leader(of: $0) != nil }
        && nodes.allSatisfy { node in
          status.pods.contains { $0.name == "podmaster-\(node)" && $0.status == "Running" }
        }
    }
    guard let leader = status.leader(of: FaultScene.role),
      let term = status.lease(FaultScene.role)?.term,
      let other = nodes.first(where: { $0 != leader })
    else { throw ClusterError.timedOut("for a leader and one that follows", after: limit) }
    return FaultScene(leader: leader, other: other, term: term)
  }

  /// Prepares a fault.
  /// - Returns: the leader and its term afterwards, which the fault is about.
  package func prepare(
    _ fault: Fault, _ scene: FaultScene, within limit: Duration
  ) async throws -> FaultScene {
    switch fault {
    case .restoreStore:
      try await self.killStore()
      try self.moveStoreData(from: { $0 }, to: Self.backup)
      try await self.startStore()
      let scene = try await self.faultScene(within: limit)
      let log = self.directory.log(scene.guardian)
      let earlier = LogFile.length(log)
      self.guardian(scene)?.signalAlone(SIGTERM)
      let leader = try await self.waitForLeader(
        of: scene.role, otherThan: scene.leader, within: limit)
      // An elector that has never read the newer store cannot notice that it went back.
      try await Self.wait(for: "\(scene.leader) to follow \(leader)", within: limit) {
        LogFile.text(log, beyond: earlier).contains("the master is \(leader)")
      }
      return try await self.faultScene(within: limit)
    case .startTogether:
      await self.end(self.electors(scene), within: self.configuration.longestHandOver)
      try await self.waitUntil("for the lock to be free", within: limit) {
        $0.lease(scene.role).map { $0.holder == nil && $0.problem == nil } ?? false
      }
    case .orphanPod:
      await self.end([.component(node: scene.other, .kubelet)], within: .seconds(10))
      self.processes[.component(node: scene.other, .kubelet)]?.arguments.append(Self.leavesPods)
      try await self.launch(.component(node: scene.other, .kubelet))
      let scene = try await self.handOver(scene, within: limit)
      // Its container, and not only its pod.
      try await self.waitUntil("for the container to run", within: limit) {
        $0.pods.contains {
          $0.name == "\(scene.role.podName)-\(scene.leader)" && $0.status == "Running"
        }
      }
      return scene
    case .keepOrphans:
      try await self.restartKubeletAlone(scene)
      return try await self.faultScene(within: limit)
    case .spoilDisk(.hanging):
      try await self.mountDisk(on: scene.other)
      return try await self.handOver(scene, within: limit)
    case .spoilConfiguration:
      try await self.useElectionsFile(scene)
      return try await self.handOver(scene, within: limit)
    case .skewMembers(let difference):
      try await self.skewMembers(by: difference, within: limit)
      return try await self.faultScene(within: limit)
    case .spoilDirectory(.readOnly):
      try await self.mount(on: scene.other, options: "ro", within: limit)
    case .spoilDirectory(.full):
      try await self.mount(on: scene.other, options: "size=64k", within: limit)
      // These fill it.
      let filler = "\(self.directory.manifests(scene.other))/.filler"
      for size in [60_000, 4_000, 4_000, 4_000, 100] {
        _ = try? Data(count: size).write(to: URL(filePath: "\(filler)-\(size)"))
      }
    default: break
    }
    return scene
  }

  package func inject(_ fault: Fault, _ scene: FaultScene) async throws {
    switch fault {
    case .killElector: self.guardian(scene)?.child?.signalAlone(SIGKILL)
    case .pauseElector: self.guardian(scene)?.child?.signalAlone(SIGSTOP)
    case .terminateElector, .spoilDirectory(.readOnly), .spoilDirectory(.full):
      self.guardian(scene)?.signalAlone(SIGTERM)
    case .keepOrphans: await self.stopForGood(scene)
    case .killContainer:
      // They are in one group; they stay down until the fault heals.
      await self.end([scene.guardian], by: SIGKILL, within: .seconds(10))
    case .resetMachine: try await self.kill(scene.leader)
    case .killStore: try await self.killStore()
    case .pauseStore: try self.pauseStore()
    case .delayAnswers: try self.delayAnswers(to: scene.leader, requestTimeouts: 2)
    case .delayOneAnswer:
      try self.delayAnswers(to: scene.leader, requestTimeouts: 1.2)
      try await Task.sleep(for: self.configuration.timing().renewPeriod)
      try self.delayAnswers(to: scene.leader, requestTimeouts: 0)
    case .isolateLeader: self.relays[scene.leader]?.forEach { $0.isSilent = true }
    case .restartStore:
      try await self.killStore()
      try await self.startStore()
    case .restoreStore:
      try await self.killStore()
      try self.moveStoreData(from: Self.backup, to: { $0 })
      try await self.startStore()
    case .killMember(let isLeader):
      await self.end([try await self.member(isLeader: isLeader)], by: SIGKILL, within: .seconds(10))
    case .setClock(let offset): try await self.setClock(scene, ahead: offset)
    case .shareName: try await self.rename(scene, from: scene.other, to: scene.leader)
    case .startTogether:
      for elector in self.electors(scene) { try await self.launch(elector) }
    case .spoilDirectory(.missing):
      let path = self.directory.manifests(scene.leader)
      try self.directory.attempt("remove", path) {
        try FileManager.default.removeItem(atPath: path)
      }
    case .editManifest:
      try self.directory.write(
        "# edited by hand\n", to: self.directory.destination(scene.role, scene.leader))
    case .deleteManifest: unlink(self.directory.destination(scene.role, scene.leader))
    case .killKubelet:
      await self.end(
        [.component(node: scene.leader, .kubelet)], by: SIGKILL, within: .seconds(10))
    case .crashPod:
      try self.changeSource(scene) {
        $0.replacing(Self.annotations, with: Self.annotations + Self.crash)
      }
    case .changeSource: try self.changeSource(scene) { $0 + "# changed while leading\n" }
    case .orphanPod(let thenStop):
      await self.end(
        [.component(node: scene.leader, .kubelet)], by: SIGKILL, within: .seconds(10))
      guard self.orphans(on: scene.leader).contains("\(scene.role.podName)-\(scene.leader)") else {
        throw ClusterError.control("the container has ended with its kubelet")
      }
      if thenStop { await self.stopForGood(scene) }
    case .spoilDisk(let fault): try await self.spoilDisk(fault, scene)
    case .shareDestination:
      try await self.rewrite(
        scene, "--dest-file=\(self.directory.destination(scene.role, scene.other))",
        to: "--dest-file=\(self.directory.destination(scene.role, scene.leader))")
    case .useSourceAsDestination:
      try await self.rewrite(
        scene, "--dest-file=\(self.directory.destination(scene.role, scene.other))",
        to: "--dest-file=\(self.directory.source(scene.role, scene.other))")
    case .spoilConfiguration: try await self.spoilElectionsFile(scene)
    case .skewMembers: self.guardian(scene)?.child?.signalAlone(SIGSTOP)
    case .pauseMachine: try self.pause(scene.leader)
    }
  }

  /// Where the recipe's elected pods have their annotations, and those that make their containers end again and again.
  private static let annotations = "\n annotations:"
  private static let crash = """

      pretend.zweimaster.dev/exit-after: "300ms"
      pretend.zweimaster.dev/exit-code: "1"
    """

  private func changeSource(_ scene: FaultScene, _ change: (String) -> String) throws {
    let source = self.directory.source(scene.role, scene.leader)
    let text = FileManager.default.contents(atPath: source) ?? Data()
    try self.directory.write(change(String(decoding: text, as: UTF8.self)), to: source)
  }

  /// Undoes the preparation and the fault, unless that mends itself.
  /// - Parameter injected: when the fault had been injected.
  package func heal(
    _ fault: Fault, _ scene: FaultScene, since injected: ContinuousClock.Instant
  ) async throws {
    switch fault {
    case .pauseElector: self.guardian(scene)?.child?.signalAlone(SIGCONT)
    case .killContainer: try await self.launch(scene.guardian)
    case .resetMachine: try await self.start(scene.leader)
    case .killStore: try await self.startStore()
    case .pauseStore: try self.resumeStore()
    case .delayAnswers, .delayOneAnswer:
      try self.delayAnswers(to: scene.leader, requestTimeouts: 0)
    case .isolateLeader: self.relays[scene.leader]?.forEach { $0.isSilent = false }
    case .killMember:
      for member in self.members where self.processes[member]?.isWanted == false {
        try await self.launch(member)
      }
      try await self.waitForStore()
    case .setClock: try self.directory.setClock(scene.guardian, ahead: .zero)
    case .shareName: try await self.rename(scene, from: scene.leader, to: scene.other)
    case .spoilDirectory(.missing):
      try self.directory.layManifests(
        scene.leader, self.configuration, store: self.plan.storeText)
    case .spoilDirectory(.readOnly), .spoilDirectory(.full):
      // Without mount(8): a cancelled task starts no program, and has to unmount, too.
      umount2(self.directory.manifests(scene.other), Int32(MNT_DETACH))
    case .killKubelet: try await self.launch(.component(node: scene.leader, .kubelet))
    case .killElector, .terminateElector, .restartStore, .restoreStore, .startTogether,
      .editManifest, .deleteManifest, .changeSource:
      break
    case .crashPod: try self.changeSource(scene) { $0.replacing(Self.crash, with: "") }
    case .orphanPod:
      try await self.adoptOrphan(scene)
      try await self.takePartAgain(scene)
    case .keepOrphans:
      try await self.launch(.component(node: scene.leader, .apiServer))
      try await self.takePartAgain(scene)
    case .spoilDisk(let fault): try await self.healDisk(fault, scene)
    case .shareDestination:
      try await self.rewrite(
        scene, "--dest-file=\(self.directory.destination(scene.role, scene.leader))",
        to: "--dest-file=\(self.directory.destination(scene.role, scene.other))")
    case .useSourceAsDestination:
      let source = self.directory.source(scene.role, scene.other)
      try await self.rewrite(
        scene, "--dest-file=\(source)",
        to: "--dest-file=\(self.directory.destination(scene.role, scene.other))")
      guard access(source, R_OK) == 0 else {
        throw ClusterError.file("read", path: source, reason: "the elector has removed its source")
      }
    case .spoilConfiguration: try await self.dropElectionsFile(scene)
    case .skewMembers:
      self.guardian(scene)?.child?.signalAlone(SIGCONT)
      for member in self.members { try self.directory.setClock(member, ahead: .zero) }
    case .pauseMachine:
      try self.directory.stopClocks(scene.guardian, for: .now - injected)
      try self.resume(scene.leader)
    }
  }

  func guardian(_ scene: FaultScene) -> ProcessIdentity? {
    self.processes[scene.guardian]?.identity
  }

  func electors(_ scene: FaultScene) -> [ProcessName] {
    self.configuration.nodes.map { .component(node: $0, scene.role.elector) }
  }

  private func delayAnswers(to node: String, requestTimeouts factor: Double) throws {
    let delay = try self.configuration.timing().requestTimeout * factor
    self.relays[node]?.forEach { $0.answerDelay = delay }
  }

  private static let backup: @Sendable (String) -> String = { "\($0).backup" }

  private func moveStoreData(
    from source: (String) -> String, to destination: (String) -> String
  ) throws(ClusterError) {
    for number in 1...self.members.count {
      let data = self.directory.memberData(number)
      try self.directory.attempt("copy", source(data)) {
        try? FileManager.default.removeItem(atPath: destination(data))
        try FileManager.default.copyItem(atPath: source(data), toPath: destination(data))
      }
    }
  }

  /// The leader of the store's members, or the first follower.
  func member(isLeader: Bool) async throws -> ProcessName {
    struct Own: Decodable { var state: String }
    for (member, endpoint) in zip(self.members, self.store) {
      let own = try? await self.requests.json(Own.self, from: "\(endpoint)/v2/stats/self")
      if let own, (own.state == "StateLeader") == isLeader { return member }
    }
    throw ClusterError.timedOut("for the store's members to name their leader", after: .zero)
  }

  /// Sets the leader's wall clock, and checks it in its elector's log.
  private func setClock(_ scene: FaultScene, ahead offset: Duration) async throws {
    let log = self.directory.log(scene.guardian)
    let before = KlogTime.last(in: log)
    try self.directory.setClock(scene.guardian, ahead: offset)
    try await Self.wait(for: "the new time of day in \(log)", within: .seconds(10)) {
      guard let before, let now = KlogTime.last(in: log) else { return false }
      return (now - before).isAbout(offset)
    }
  }

  /// Restarts the other node's elector under another name.
  private func rename(_ scene: FaultScene, from old: String, to new: String) async throws {
    try await self.rewrite(scene, "--whoami=\(old)", to: "--whoami=\(new)")
  }

  /// Restarts the other node's elector with another flag.
  private func rewrite(_ scene: FaultScene, _ old: String, to new: String) async throws {
    let name = ProcessName.component(node: scene.other, scene.role.elector)
    await self.end([name], within: self.configuration.longestHandOver)
    self.processes[name]?.arguments.replace([old], with: [new])
    try await self.launch(name)
  }
}
