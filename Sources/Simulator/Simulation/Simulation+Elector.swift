import EtcdClient
import Elector
import KVStore

/// The elector's process. ``ElectorLoop`` decides the order.
extension Simulation {
  func elector(_ node: Int, _ life: Int) -> SimulatedElector<Core>? {
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
      timing: state.timing, asksKubelet: state.asksKubelet, podLimits: self.draw.podLimits,
      jitter: self.scenario.isJittered ? drawn : 0)
    self.nodes[node].elector = SimulatedElector<Core>(
      life: life, begin: state.clock.reading(at: self.now), core: Core(setup),
      copy: ManifestCopy(
        deadlineDetection: state.timing.manifestExpires ? state.timing.podStop.detection : nil))
    self.nodes[node].guardian?.child = life
    self.nodes[node].guardian?.sight.connection = .open
    self.lastTrouble = self.now
    self.tell(.elector(node), "starts")
    self.span(.down, nil, .elector(node))
    if state.asksKubelet { self.agenda.add(.pastPolled(node, life: life), at: self.now) }
    self.deliver(.started, toElector: node, life)
  }

  mutating func deliver(_ event: Election.Event, toElector node: Int, _ life: Int) {
    guard let elector = self.elector(node, life) else { return }
    elector.loop.receive(event)
    self.turnElector(node)
  }

  /// Ends the process.
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
      self.hangUp(on: node, elector.life)
      self.nodes[node].guardian?.child = nil
      let life = self.nodes[node].guardLives
      self.agenda.add(
        .childEnds(node, life: life, end),
        at: self.now + self.chance.span(0...1_000_000))
    }
    self.restartUnitIfGone(node)
  }

  // MARK: The loop

  mutating func turnElector(_ node: Int) {
    while let elector = self.nodes[node].elector, elector.stoppedUntil <= self.now,
      let step = elector.loop.next()
    {
      switch step {
      case .handle(let event):
        let effects = elector.core.handle(event, at: self.instant(node))
        elector.loop.decided(effects, manifestEnd: elector.core.manifestEnd)
      case .carryOut(let effect): self.carryOut(effect, node, elector)
      case .settled(let end):
        if let end { self.ask(.extend(until: self.bootInstant(end, node)), node, elector) }
      }
    }
  }

  private mutating func carryOut(
    _ effect: Election.Effect, _ node: Int, _ elector: SimulatedElector<Core>
  ) {
    let life = elector.life
    switch effect {
    case .removeManifest: self.begin(.removal(isGuarded: true), node, elector)
    case .installManifest(let term, let before):
      // Each `--sleep` installs again, which changes nothing and would fill the timeline.
      if elector.copy.bytes == nil { self.tell(.elector(node), "installs, term \(term)") }
      elector.installsUntil = self.bootInstant(before, node)
      self.begin(.installation(isGuarded: true), node, elector)
    case .send(let request): self.send(request, node)
    case .watch(let id, let after):
      elector.watch = id
      self.store.unwatch(node: node)
      let watcher = SimulatedStore.Watcher(
        node: node, incarnation: life, id: id, after: after,
        key: self.nodes[node].lock.key)
      self.toStore(node) { .watchArrives(watcher) }
    case .wake(let instant):
      elector.alarm += 1
      self.agenda.add(
        .electorAlarm(node, life: life, id: elector.alarm),
        at: max(self.now, self.time(of: instant, node)))
    case .awaitPodEnd(let id): self.watchPod(node, elector, id, elector.copy.podsSoFar)
    case .observePod(let id):
      let kubelet = self.nodes[node].kubelet
      let isSilent = !kubelet.isUp || self.chance.hits(percent: 10)
      let observation =
        isSilent ? nil : PodObservation(isRunning: !kubelet.running.isEmpty, restarts: 0)
      self.agenda.add(
        .toElector(node, life: life, .podObserved(id: id, observation)),
        at: self.now + .milliseconds(1))
    case .report(let report): self.take(report, node)
    case .finish(let outcome):
      let isGood = ElectionServiceError(outcome, guardLoss: elector.requests.loss) == nil
      self.endElector(node, .code(isGood ? 0 : 1))
    }
  }

  private mutating func take(_ report: Election.Report, _ node: Int) {
    let lane = Timeline.Lane.elector(node)
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
}
