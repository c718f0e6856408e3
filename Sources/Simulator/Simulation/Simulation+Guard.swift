import Elector

/// The guard's process. ``GuardLoop`` decides the order.
extension Simulation {
  func bootInstant(_ node: Int) -> BootInstant {
    BootInstant(nanoseconds: self.nodes[node].clock.reading(at: self.now))
  }

  mutating func startUnit(_ node: Int) {
    guard self.nodes[node].isUnitScheduled, self.nodes[node].isOn, self.nodes[node].isUnitGone
    else {
      return
    }
    self.nodes[node].isUnitScheduled = false
    self.nodes[node].guardLives += 1
    let guardian = SimulatedGuard(
      node: node, life: self.nodes[node].guardLives,
      core: Guard(manifests: 1, at: self.bootInstant(node)))
    self.nodes[node].guardian = guardian
    self.lastTrouble = self.now
    self.tell(.node(node, .guardian), "starts")
    self.begin(.alive, "runs", .node(node, .guardian))
    self.turn(guardian)
  }

  /// The service manager restarts a unit when all of its processes have ended.
  mutating func restartUnitIfGone(_ node: Int) {
    guard self.nodes[node].isOn, self.nodes[node].isUnitGone, !self.nodes[node].isUnitScheduled
    else { return }
    self.nodes[node].isUnitScheduled = true
    self.agenda.add(
      { $0.startUnit(node) }, at: max(self.nodes[node].unitDue, self.now + .seconds(1)))
  }

  mutating func endGuard(_ node: Int, _ how: String) {
    guard let guardian = self.nodes[node].guardian else { return }
    guardian.hasEnded = true
    self.tell(.node(node, .guardian), how)
    self.begin(.down, "down", .node(node, .guardian))
    self.nodes[node].guardian = nil
    self.lastTrouble = self.now
    if let elector = self.nodes[node].elector { self.loseGuard(elector) }
    self.restartUnitIfGone(node)
  }

  /// Something has happened that the guard finds with its next `poll`.
  mutating func tell(
    _ guardian: SimulatedGuard, _ change: (inout GuardSight) -> Void
  ) {
    if guardian.hasEnded { return }
    change(&guardian.sight)
    self.turn(guardian)
  }

  /// An elector closes its end of the connection.
  mutating func hangUp(on guardian: SimulatedGuard?) {
    guard let guardian, guardian.isConnected else { return }
    self.tell(guardian) { $0.connection = .closed }
  }

  mutating func turn(_ guardian: SimulatedGuard) {
    while !guardian.hasEnded, guardian.stoppedUntil <= self.now {
      switch guardian.loop.next() {
      case .handle(let event):
        guardian.loop.decided(guardian.core.handle(event, at: self.bootInstant(guardian.node)))
      case .carryOut(let effect): self.carryOut(effect, guardian)
      case .settled: break
      case nil:
        guard guardian.loop.isIdle, guardian.sight.hasNews else { return }
        let sight = guardian.sight
        guardian.sight = GuardSight()
        // A closed connection is found once.
        if sight.connection == .open { guardian.sight.connection = .open }
        guardian.loop.saw(sight)
      }
    }
  }

  private mutating func carryOut(_ effect: Guard.Effect, _ guardian: SimulatedGuard) {
    let node = guardian.node
    switch effect {
    case .startElector:
      self.at(self.now + self.chance.span(5_000_000...50_000_000), guardian) {
        $0.startElector(of: guardian)
      }
    case .install, .remove:
      let time =
        if case .install = effect { self.fileTime(guardian) } else {
          self.chance.span(0...3_000_000)
        }
      let hangEnd = self.nodes[node].end(of: .hungDisk)
      if hangEnd > self.now { guardian.waitsUntil = max(guardian.waitsUntil, hangEnd) }
      self.at(max(hangEnd, self.now + time), guardian, afterStop: 0) {
        $0.fileIsDone(guardian, effect)
      }
    case .answer(let answer):
      guard guardian.isConnected, let elector = self.nodes[node].elector else { return }
      self.at(self.now + self.chance.span(0...500_000), elector) {
        if let conclusion = elector.requests.answered(answer) {
          $0.learn(conclusion, of: answer.id, elector)
        }
      }
    case .signalElector:
      if let elector = self.nodes[node].elector {
        self.at(self.now, elector) { $0.deliver(.stop, to: elector) }
      }
    case .killElector: self.endElector(node, .signal(9))
    case .useConfiguration: break
    case .wake(let instant):
      let due = instant.map { self.nodes[node].clock.time(of: $0.nanoseconds) }
      self.setAlarm(due, guardian) { $0.tell(guardian) { $0.hasRung = true } }
    case .report(let report): self.tell(.node(node, .guardian), report.phrase)
    case .finish(let code): self.endGuard(node, ElectorEnd.code(code).phrase)
    }
  }

  private mutating func fileIsDone(_ guardian: SimulatedGuard, _ effect: Guard.Effect) {
    let node = guardian.node
    self.haveWaited(guardian)
    switch effect {
    case .install(let request):
      guardian.loop.concluded(.installed(request, self.install(request, guardian)))
    case .remove(let manifest, let removal, let request):
      let owner = self.nodes[node].manifest?.owner
      let isOurs = removal == .anything || owner == guardian.life
      if isOurs, owner != nil, self.isReadOnly(node) {
        let failed = Guard.RemovalResult.failed(reason: "read-only file system")
        guardian.loop.concluded(.removed(manifest: manifest, request: request, failed))
        break
      }
      if isOurs { self.setManifest(node, nil) }
      guardian.loop.concluded(
        .removed(
          manifest: manifest, request: request, .absent(wasThere: isOurs && owner != nil)))
    default: break
    }
    self.turn(guardian)
  }

  /// The instant of the rename.
  private mutating func install(
    _ request: GuardRequest, _ guardian: SimulatedGuard
  ) -> GuardAnswer.Result {
    let node = guardian.node
    guard case .install(let until, let content, let before) = request.kind,
      GuardLoop.mayInstall(
        before: before ?? until, at: self.bootInstant(node), isConnected: guardian.isConnected)
    else { return .tooLate }
    if self.isReadOnly(node), self.nodes[node].manifest?.bytes != content.bytes {
      return .failed(reason: "read-only file system", isUntouched: true)
    }
    let isRefused = self.nodes[node].end(of: .refusedFiles) > self.now
    if isRefused, self.chance.hits(percent: 70) {
      return .failed(reason: "no space left on device", isUntouched: true)
    }
    self.setManifest(
      node,
      SimulatedManifest(
        owner: guardian.life, bytes: content.bytes,
        since: self.nodes[node].manifest?.since ?? self.now))
    return isRefused ? .failed(reason: "cannot be synced") : .done
  }
}

extension GuardSight {
  /// Whether a `poll` returns.
  fileprivate var hasNews: Bool {
    !self.signals.isEmpty || self.electorEnd != nil || self.hasRung || self.connection == .closed
      || !self.requests.isEmpty
  }
}
