import Elector

/// The guard's process. ``GuardLoop`` decides the order.
extension Simulation {
  func guardian(_ node: Int, _ life: Int) -> SimulatedGuard? {
    guard let guardian = self.nodes[node].guardian, guardian.life == life else { return nil }
    return guardian
  }

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
    let life = self.nodes[node].guardLives
    self.nodes[node].guardian = SimulatedGuard(
      life: life, core: Guard(manifests: 1, at: self.bootInstant(node)))
    self.lastTrouble = self.now
    self.tell(.guardian(node), "starts")
    self.turnGuard(node)
  }

  /// The service manager restarts a unit when all of its processes have ended.
  mutating func restartUnitIfGone(_ node: Int) {
    guard self.nodes[node].isOn, self.nodes[node].isUnitGone, !self.nodes[node].isUnitScheduled
    else { return }
    self.nodes[node].isUnitScheduled = true
    self.agenda.add(
      .unitStarts(node), at: max(self.nodes[node].unitDue, self.now + .seconds(1)))
  }

  mutating func endGuard(_ node: Int, _ how: String) {
    guard self.nodes[node].guardian != nil else { return }
    self.tell(.guardian(node), how)
    self.span(.stopped, nil, .guardian(node))
    self.nodes[node].guardian = nil
    self.lastTrouble = self.now
    self.loseGuard(node)
    self.restartUnitIfGone(node)
  }

  /// Something has happened that the guard finds with its next `poll`.
  mutating func tellGuard(
    _ node: Int, _ life: Int, _ change: (inout GuardLoop.Sight) -> Void
  ) {
    guard let guardian = self.guardian(node, life) else { return }
    change(&guardian.sight)
    self.turnGuard(node)
  }

  /// An elector closes its end of the connection.
  mutating func hangUp(on node: Int, _ elector: Int) {
    guard let guardian = self.nodes[node].guardian, guardian.child == elector,
      guardian.isConnected
    else { return }
    self.tellGuard(node, guardian.life) { $0.connection = .closed }
  }

  mutating func requestReaches(_ node: Int, _ life: Int, _ request: GuardRequest) {
    guard let guardian = self.guardian(node, life), guardian.isConnected else {
      return
    }
    self.tellGuard(node, life) { $0.requests.append(request) }
  }

  mutating func turnGuard(_ node: Int) {
    while let guardian = self.nodes[node].guardian, guardian.stoppedUntil <= self.now {
      switch guardian.loop.next() {
      case .handle(let event):
        guardian.loop.decided(guardian.core.handle(event, at: self.bootInstant(node)))
      case .carryOut(let effect): self.carryOut(effect, node)
      case nil:
        guard guardian.loop.isIdle, guardian.sight.hasNews else { return }
        let sight = guardian.sight
        guardian.sight = GuardLoop.Sight()
        // A closed connection is found once.
        if sight.connection == .open { guardian.sight.connection = .open }
        guardian.loop.saw(sight)
      }
    }
  }

  private mutating func carryOut(_ effect: Guard.Effect, _ node: Int) {
    guard let guardian = self.nodes[node].guardian else { return }
    let life = guardian.life
    switch effect {
    case .startElector:
      self.agenda.add(
        .electorStarts(node, guardLife: life),
        at: self.now + self.chance.span(5_000_000...50_000_000))
    case .install:
      self.agenda.add(
        .guardFileDone(node, life: life, effect), at: self.now + self.fileTime(node, ofGuard: true))
    case .remove:
      self.agenda.add(
        .guardFileDone(node, life: life, effect), at: self.now + self.chance.span(0...3_000_000))
    case .answer(let answer):
      guard guardian.isConnected, let elector = guardian.child else { return }
      self.agenda.add(
        .guardAnswers(node, life: elector, answer),
        at: self.now + self.chance.span(0...500_000))
    case .signalElector:
      if let elector = self.nodes[node].elector {
        self.agenda.add(.toElector(node, life: elector.life, .stop), at: self.now)
      }
    case .killElector: self.endElector(node, .signal(9))
    case .wake(let instant):
      let alarm = guardian.alarm + 1
      self.nodes[node].guardian?.alarm = alarm
      guard let instant else { return }
      let at = self.nodes[node].clock.time(of: instant.nanoseconds)
      self.agenda.add(.guardAlarm(node, life: life, id: alarm), at: max(self.now, at))
    case .report(let report): self.tell(.guardian(node), "\(report)")
    case .finish(let code): self.endGuard(node, "ends with exit code \(code)")
    }
  }

  mutating func guardFileDone(_ node: Int, _ life: Int, _ effect: Guard.Effect) {
    guard let guardian = self.guardian(node, life) else { return }
    guard guardian.stoppedUntil <= self.now else {
      self.agenda.add(.guardFileDone(node, life: life, effect), at: guardian.stoppedUntil)
      return
    }
    self.haveWaited(&guardian.waitsUntil)
    switch effect {
    case .install(let request):
      self.conclude(.installed(request, self.install(request, node)), node)
    case .remove(let manifest, let removal, let request):
      let owner = self.nodes[node].manifest?.owner
      let isOurs = removal == .anything || owner == life
      if isOurs { self.setManifest(node, nil) }
      self.conclude(
        .removed(
          manifest: manifest, request: request, .absent(wasThere: isOurs && owner != nil)), node)
    default: break
    }
  }

  /// The instant of the rename.
  private mutating func install(_ request: GuardRequest, _ node: Int) -> GuardAnswer.Result {
    guard let guardian = self.nodes[node].guardian,
      case .install(let until, let bytes) = request.kind,
      GuardLoop.mayInstall(
        until: until, at: self.bootInstant(node), isConnected: guardian.isConnected)
    else { return .tooLate }
    let isRefused = self.nodes[node].refusedFilesUntil > self.now
    if isRefused, self.chance.hits(percent: 70) {
      return .failed(reason: "no space left on device", isUntouched: true)
    }
    self.setManifest(
      node,
      SimulatedManifest(
        owner: guardian.life, bytes: bytes, since: self.nodes[node].manifest?.since ?? self.now))
    return isRefused ? .failed(reason: "cannot be synced") : .done
  }

  private mutating func conclude(_ result: Guard.Event, _ node: Int) {
    self.nodes[node].guardian?.loop.concluded(result)
    self.turnGuard(node)
  }
}

extension GuardLoop.Sight {
  /// Whether a `poll` returns.
  fileprivate var hasNews: Bool {
    !self.signals.isEmpty || self.electorEnd != nil || self.hasRung || self.connection == .closed
      || !self.requests.isEmpty
  }
}
