import Elector

/// The guard's shell: what ``GuardProcess`` does.
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
    self.deliver(.woke, toGuard: node, life)
  }

  /// Whoever looks after units starts one again when all of its processes have ended.
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

  mutating func deliver(_ event: Guard.Event, toGuard node: Int, _ life: Int) {
    guard let guardian = self.guardian(node, life) else { return }
    // What an elector said before it hung up is not even read.
    if case .requested = event, guardian.electorLife == nil { return }
    self.nodes[node].guardian?.mail.inbox.append(event)
    self.turnGuard(node)
  }

  mutating func dropRequests(to node: Int) {
    self.nodes[node].guardian?.mail.inbox.removeAll {
      if case .requested = $0 { true } else { false }
    }
  }

  mutating func turnGuard(_ node: Int) {
    while let guardian = self.nodes[node].guardian, guardian.stoppedUntil <= self.now,
      let work = self.nodes[node].guardian?.mail.next()
    {
      switch work {
      case .event(let event):
        let now = self.bootInstant(node)
        let effects = self.nodes[node].guardian?.core.handle(event, at: now) ?? []
        self.nodes[node].guardian?.mail.effects.append(contentsOf: effects)
      case .effect(let effect): self.carryOut(effect, node)
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
      self.nodes[node].guardian?.mail.isBusy = true
      self.agenda.add(
        .guardFileDone(node, life: life, effect), at: self.now + self.fileTime(node, ofGuard: true))
    case .remove:
      self.nodes[node].guardian?.mail.isBusy = true
      self.agenda.add(
        .guardFileDone(node, life: life, effect), at: self.now + self.chance.span(0...3_000_000))
    case .answer(let answer):
      guard let elector = guardian.electorLife else { return }
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
    case .install(let request): self.settle(.installed(request, self.install(request, node)), node)
    case .remove(let manifest, let removal, let request):
      let owner = self.nodes[node].manifestOwner
      let isOurs = removal == .anything || owner == life
      if isOurs { self.setManifest(node, owner: nil) }
      self.settle(
        .removed(
          manifest: manifest, request: request, .absent(wasThere: isOurs && owner != nil)), node)
    default: break
    }
  }

  /// At the very moment of the rename.
  private mutating func install(_ request: GuardRequest, _ node: Int) -> GuardAnswer.Result {
    guard let guardian = self.nodes[node].guardian, case .install(let until, _) = request.kind,
      self.bootInstant(node) < until, guardian.electorLife != nil
    else { return .tooLate }
    guard self.nodes[node].refusedFilesUntil <= self.now else {
      return .failed(reason: "no space left on device", isUntouched: true)
    }
    self.setManifest(node, owner: guardian.life)
    return .done
  }

  private mutating func settle(_ event: Guard.Event, _ node: Int) {
    self.nodes[node].guardian?.mail.results.append(event)
    self.nodes[node].guardian?.mail.isBusy = false
    self.turnGuard(node)
  }
}
