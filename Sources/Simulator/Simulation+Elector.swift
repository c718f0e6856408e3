import EtcdClient
import Elector
import KVStore

/// A unit of guard and elector; the elector's shell: what ``ElectionService``, ``ManifestKeeper`` and
/// ``GuardLink`` do, without their sockets and files.
extension Simulation {
  func elector(_ node: Int, _ life: Int) -> ElectorProcess<Core>? {
    guard let elector = self.nodes[node].elector, elector.life == life else { return nil }
    return elector
  }

  private func instant(_ node: Int) -> Instant {
    let begin = self.nodes[node].elector?.begin ?? 0
    return Instant((self.nodes[node].clock.reading(at: self.now) - begin).duration)
  }

  private func time(of instant: Instant, _ node: Int) -> Nanoseconds {
    let begin = self.nodes[node].elector?.begin ?? 0
    return self.nodes[node].clock.time(of: begin + Nanoseconds(roundingUp: instant.sinceStart))
  }

  private func bootInstant(_ instant: Instant, _ node: Int) -> BootInstant {
    let begin = self.nodes[node].elector?.begin ?? 0
    return BootInstant(nanoseconds: begin + Nanoseconds(instant.sinceStart))
  }

  // MARK: The process

  mutating func startElector(_ node: Int, guardLife: Int) {
    guard self.guardian(node, guardLife) != nil, self.nodes[node].elector == nil else { return }
    let state = self.nodes[node]
    self.nodes[node].electorLives += 1
    let life = self.nodes[node].electorLives
    let drawn = Double(self.chance.index(below: 20)) / 100
    let setup = ElectionSetup(
      candidate: Candidate(
        name: state.holder, bootID: "\(state.name)-boot\(state.boots)", destination: "/m"),
      timing: state.timing, asksKubelet: state.asksKubelet,
      jitter: self.scenario.isJittered ? drawn : 0)
    self.nodes[node].elector = ElectorProcess<Core>(
      life: life, begin: state.clock.reading(at: self.now), core: Core(setup))
    self.nodes[node].guardian?.child = life
    self.nodes[node].guardian?.electorLife = life
    self.lastTrouble = self.now
    self.tell(.elector(node), "starts")
    self.span(.down, nil, .elector(node))
    self.deliver(.started, toElector: node, life)
  }

  mutating func deliver(_ event: Election.Event, toElector node: Int, _ life: Int) {
    guard self.elector(node, life) != nil else { return }
    self.nodes[node].elector?.mail.inbox.append(event)
    self.turnElector(node)
  }

  /// Ends the process, however it was.
  mutating func endElector(_ node: Int, _ end: ElectorEnd) {
    guard let elector = self.nodes[node].elector else { return }
    self.tell(.elector(node), "\(end)")
    self.span(.leads, nil, .elector(node))
    self.span(.stopped, nil, .elector(node))
    self.span(.down, "down", .elector(node))
    self.nodes[node].elector = nil
    self.lastTrouble = self.now
    self.store.unwatch(node: node)
    if self.nodes[node].guardian?.child == elector.life {
      self.nodes[node].guardian?.child = nil
      self.nodes[node].guardian?.electorLife = nil
      self.dropRequests(to: node)
      let life = self.nodes[node].guardLives
      self.agenda.add(
        .toGuard(node, life: life, .electorEnded(end)),
        at: self.now + self.chance.span(0...1_000_000))
    }
    self.restartUnitIfGone(node)
  }

  // MARK: The loop

  mutating func turnElector(_ node: Int) {
    while let elector = self.nodes[node].elector, elector.stoppedUntil <= self.now,
      let work = self.nodes[node].elector?.mail.next()
    {
      switch work {
      case .event(let event):
        let now = self.instant(node)
        let effects = self.nodes[node].elector?.core.handle(event, at: now) ?? []
        self.nodes[node].elector?.mail.effects.append(contentsOf: effects)
      case .effect(let effect): self.carryOut(effect, node)
      }
      guard let elector = self.nodes[node].elector, elector.mail.effects.isEmpty else { continue }
      if let end = elector.core.manifestEnd, end != elector.toldEnd {
        self.nodes[node].elector?.toldEnd = end
        self.ask(.extend, .extend(until: self.bootInstant(end, node)), node)
      }
    }
  }

  private mutating func carryOut(_ effect: Election.Effect, _ node: Int) {
    guard let elector = self.nodes[node].elector else { return }
    let life = elector.life
    switch effect {
    case .removeManifest:
      self.nodes[node].elector?.mail.isBusy = true
      self.nodes[node].elector?.hasInstalled = false
      self.agenda.add(
        .electorFileDone(node, life: life, .remove, until: nil),
        at: self.now + self.chance.span(0...3_000_000))
    case .installManifest(let term, let before):
      // At each look it is installed again, which changes nothing and would fill the story.
      if !elector.hasInstalled { self.tell(.elector(node), "installs, term \(term)") }
      self.nodes[node].elector?.mail.isBusy = true
      self.nodes[node].elector?.toldEnd = before
      self.agenda.add(
        .electorFileDone(node, life: life, .install, until: self.bootInstant(before, node)),
        at: self.now + self.fileTime(node, ofGuard: false))
    case .send(let request): self.send(request, node)
    case .watch(let id, let after):
      self.nodes[node].elector?.watch = id
      self.store.unwatch(node: node)
      let watcher = SimulatedStore.Watcher(
        node: node, incarnation: life, id: id, after: after,
        key: self.nodes[node].lock.key)
      self.toStore(node) { .watchArrives(watcher) }
    case .wake(let instant):
      let alarm = elector.alarm + 1
      self.nodes[node].elector?.alarm = alarm
      self.agenda.add(
        .electorAlarm(node, life: life, id: alarm), at: max(self.now, self.time(of: instant, node)))
    case .awaitPodEnd(let id):
      self.watchPod(node, id, isOnlyOne: elector.pods.hasOnlyOne)
    case .observePod(let id):
      let isRunning = !self.nodes[node].kubelet.running.isEmpty
      let observation = PodObservation(isRunning: isRunning, restarts: 0)
      self.agenda.add(
        .toElector(node, life: life, .podObserved(id: id, observation)),
        at: self.now + .milliseconds(1))
    case .report(let report): self.take(report, node)
    case .finish(let outcome):
      let isClean = outcome == .clean && elector.isLinked
      self.endElector(node, .code(isClean ? 0 : 1))
    }
  }

  private mutating func take(_ report: Election.Report, _ node: Int) {
    let lane = Story.Lane.elector(node)
    switch report {
    case .acquired(let term):
      self.countTerm()
      self.span(.leads, "term \(term)", lane)
    case .regained(let term): self.span(.leads, "term \(term)", lane)
    case .lost:
      self.countLoss()
      self.span(.leads, nil, lane)
    case .released: self.span(.leads, nil, lane)
    case .leading, .following: return
    default: break
    }
    self.tell(lane, "\(report)")
  }

  // MARK: The manifest

  /// How long an installation is at its files. Whoever waits for a disk does nothing else, so that the
  /// other one of elector and guard has to be well meanwhile.
  mutating func fileTime(_ node: Int, ofGuard: Bool) -> Nanoseconds {
    let isOtherWell = ofGuard ? self.isElectorWell(node) : self.isGuardWell(node)
    guard isOtherWell, self.nodes[node].slowFilesUntil > self.now else {
      return self.chance.span(0...5_000_000)
    }
    let time = self.chance.span(0...15_000_000_000)
    if ofGuard {
      self.nodes[node].guardian?.waitsUntil = self.now + time
    } else {
      self.nodes[node].elector?.waitsUntil = self.now + time
    }
    return time
  }

  /// A disk that was slow has been so up to now, also when the fault itself was over before.
  mutating func haveWaited(_ until: inout Nanoseconds) {
    if until > 0 { (until, self.lastTrouble) = (0, self.now) }
  }

  mutating func electorFileDone(_ node: Int, _ life: Int, _ kind: Ask, until: BootInstant?) {
    guard let elector = self.elector(node, life) else { return }
    guard elector.stoppedUntil <= self.now else {
      self.agenda.add(
        .electorFileDone(node, life: life, kind, until: until), at: elector.stoppedUntil)
      return
    }
    self.haveWaited(&elector.waitsUntil)
    switch kind {
    case .remove:
      self.setManifest(node, owner: nil)
      self.ask(.remove, .remove, node)
    case .install:
      guard let until else { return }
      self.ask(.install, .install(until: until, content: []), node)
    case .extend: break
    }
  }

  /// Asks the guard; a removal and an installation are waited for.
  private mutating func ask(_ kind: Ask, _ request: GuardRequest.Kind, _ node: Int) {
    guard let elector = self.nodes[node].elector else { return }
    guard elector.isLinked, let guardian = self.nodes[node].guardian else {
      self.concluded(kind, nil, node)
      return
    }
    let id = elector.lastAsk + 1
    self.nodes[node].elector?.lastAsk = id
    self.nodes[node].elector?.asks[id] = kind
    let life = elector.life
    self.agenda.add(
      .toGuard(node, life: guardian.life, .requested(GuardRequest(id: id, request))),
      at: self.now + self.chance.span(0...500_000))
    if case .install(let until, _) = request {
      let limit = self.nodes[node].clock.time(of: until.nanoseconds)
      self.agenda.add(
        .askEnds(node, life: life, ask: id, isLost: false), at: max(self.now, limit))
    }
    let patience = Nanoseconds(self.nodes[node].timing.margin)
    self.agenda.add(.askEnds(node, life: life, ask: id, isLost: true), at: self.now + patience)
  }

  mutating func guardAnswered(
    _ node: Int, _ life: Int, _ id: UInt32, _ result: GuardAnswer.Result
  ) {
    guard self.elector(node, life)?.isLinked == true,
      let kind = self.nodes[node].elector?.asks.removeValue(forKey: id)
    else { return }
    self.concluded(kind, result, node)
  }

  /// The time for an answer is over.
  mutating func askEnded(_ node: Int, _ life: Int, ask id: UInt32, isLost: Bool) {
    guard let elector = self.elector(node, life), elector.isLinked else { return }
    // A process that is stopped looks at its timers when it goes on.
    guard elector.stoppedUntil <= self.now else {
      self.agenda.add(
        .askEnds(node, life: life, ask: id, isLost: isLost),
        at: elector.stoppedUntil + .milliseconds(1))
      return
    }
    if isLost {
      if elector.asks[id] != nil { self.loseGuard(node) }
      return
    }
    guard elector.asks[id] == .install else { return }
    // An answer that comes later is heard of by nobody, but shows that the guard lives.
    self.nodes[node].elector?.asks[id] = .extend
    self.settle(
      .installFailed(
        reason: "the guard did not answer before the lease's end", isUntouched: false), node)
  }

  /// The connection with the guard is closed: by the guard's end, or since it did not answer.
  mutating func loseGuard(_ node: Int) {
    guard let elector = self.nodes[node].elector, elector.isLinked else { return }
    self.tell(.elector(node), "has lost its guard")
    self.nodes[node].elector?.isLinked = false
    let asks = elector.asks.sorted { $0.key < $1.key }.map(\.value)
    self.nodes[node].elector?.asks = [:]
    if let guardian = self.nodes[node].guardian, guardian.electorLife == elector.life {
      self.nodes[node].guardian?.electorLife = nil
      self.dropRequests(to: node)
      self.agenda.add(.toGuard(node, life: guardian.life, .hungUp), at: self.now)
    }
    self.nodes[node].elector?.mail.inbox.append(.stop)
    for kind in asks { self.concluded(kind, nil, node) }
    self.turnElector(node)
  }

  /// - Parameter result: `nil` when the guard is lost.
  private mutating func concluded(_ kind: Ask, _ result: GuardAnswer.Result?, _ node: Int) {
    switch (kind, result) {
    case (.extend, _): break
    case (.remove, nil), (.remove, .done), (.remove, .tooLate): self.settle(.removed, node)
    case (.remove, .failed(let reason, _)): self.settle(.removeFailed(reason: reason), node)
    case (.install, nil): self.settle(.stop, node)
    case (.install, .done): self.settle(.installed, node)
    case (.install, .tooLate): self.settle(.installTooLate, node)
    case (.install, .failed(let reason, let isUntouched)):
      self.settle(.installFailed(reason: reason, isUntouched: isUntouched), node)
    }
  }

  /// What became of the manifest.
  private mutating func settle(_ event: Election.Event, _ node: Int) {
    switch event {
    case .removed: self.settlePast(node)
    case .installed, .installFailed(_, isUntouched: false):
      guard let elector = self.nodes[node].elector, !elector.hasInstalled else { break }
      elector.pods.installed()
      elector.hasInstalled = true
    default: break
    }
    self.nodes[node].elector?.mail.results.append(event)
    self.nodes[node].elector?.mail.isBusy = false
    self.turnElector(node)
  }

  // MARK: The pod's end

  /// No question of the core's.
  private static var pastQuestion: Int { -1 }

  /// Once after each start: when nothing runs any more of what an earlier process installed.
  private mutating func settlePast(_ node: Int) {
    guard let elector = self.nodes[node].elector, self.nodes[node].asksKubelet,
      elector.podWatches[Self.pastQuestion] == nil
    else { return }
    self.watchPod(node, Self.pastQuestion, isOnlyOne: false)
  }

  private mutating func watchPod(_ node: Int, _ id: Int, isOnlyOne: Bool) {
    guard let elector = self.nodes[node].elector else { return }
    elector.podWatches[id] = PodWatch(
      watch: PodEndWatch(
        detection: self.nodes[node].timing.podStop.detection,
        grace: self.nodes[node].grace.duration, isOnlyOne: isOnlyOne),
      since: self.now, pods: elector.pods)
    self.agenda.add(.podAsked(node, life: elector.life, id), at: self.now + .milliseconds(1))
  }

  mutating func askForPod(_ node: Int, _ life: Int, _ id: Int) {
    guard let elector = self.elector(node, life), let asked = elector.podWatches[id] else {
      return
    }
    var watch = asked.watch
    guard elector.stoppedUntil <= self.now else {
      self.agenda.add(.podAsked(node, life: life, id), at: elector.stoppedUntil + .milliseconds(1))
      return
    }
    let kubelet = self.nodes[node].kubelet
    let elapsed =
      self.nodes[node].clock.reading(at: self.now)
      - self.nodes[node].clock.reading(at: asked.since)
    let step = watch.heard(
      isListed: kubelet.isUp ? kubelet.sees || !kubelet.running.isEmpty : nil,
      after: elapsed.duration)
    self.nodes[node].elector?.podWatches[id]?.watch = watch
    switch step {
    case .ask(let pause):
      self.agenda.add(.podAsked(node, life: life, id), at: self.now + Nanoseconds(pause))
    case .ended:
      elector.pods.ended(upTo: asked.pods.count)
      if id == Self.pastQuestion { return }
      self.deliver(.podEnded(id: id), toElector: node, life)
    case .overdue where id == Self.pastQuestion: break
    case .overdue: self.deliver(.podOverdue(id: id), toElector: node, life)
    }
  }

  // MARK: The store

  private mutating func send(_ request: Election.Request, _ node: Int) {
    guard let elector = self.nodes[node].elector else { return }
    let state = self.nodes[node]
    self.nodes[node].elector?.pending[request.id] = PendingRequest(
      kind: request.kind, sentAfter: elector.continuity.latest,
      acknowledged: self.audit.acknowledged)
    let arrival = SimulatedStore.Arrival(
      node: node, incarnation: elector.life, id: request.id,
      operation: Core.operation(for: request.kind, of: state.lock), lock: state.lock)
    self.toStore(node) { .requestArrives(arrival) }
    let limit = self.nodes[node].clock.time(
      of: state.clock.reading(at: self.now) + Nanoseconds(state.timing.requestTimeout))
    self.agenda.add(
      .answerArrives(node, life: elector.life, id: request.id, .none("timed out")), at: limit)
  }

  mutating func answerArrives(_ node: Int, _ life: Int, _ id: Int, _ answer: Answer) {
    guard self.elector(node, life) != nil,
      let request = self.nodes[node].elector?.pending.removeValue(forKey: id)
    else { return }
    self.deliver(
      .answered(id: id, self.meaning(of: answer, to: request, node)), toElector: node, life)
  }

  private mutating func meaning(
    of answer: Answer, to request: PendingRequest, _ node: Int
  ) -> Election.Answer {
    let outcome: SimulatedStore.Outcome
    switch answer {
    case .refused: return .failed(reason: "connection refused")
    case .none(let reason): return .unanswered(reason: reason)
    case .outcome(let found): outcome = found
    }
    guard var continuity = self.nodes[node].elector?.continuity else {
      return .unanswered(reason: "nobody asked")
    }
    let result: (answer: Election.Answer, index: UInt64)?
    switch request.kind {
    case .readRecord, .writeRecord:
      result = outcome.sideAnswer(isRead: request.kind == .readRecord).map { answer in
        (continuity.answer(answer, sentAfter: request.sentAfter), answer.position.index)
      }
    case .read, .create, .renew, .release:
      result = outcome.leaseAnswer(to: LeaseRequestKind(request.kind)).map { answer in
        (
          continuity.answer(answer, to: request.kind, sentAfter: request.sentAfter),
          answer.position.index
        )
      }
    }
    self.nodes[node].elector?.continuity = continuity
    // Only a disk that fails is told of in such a way: perhaps applied, for all that a client knows.
    guard let result else { return .unanswered(reason: "300 Raft Internal Error") }
    self.audit.answered(index: result.index, sentAfter: request.acknowledged)
    return result.answer
  }
}
