import EtcdClient
import Elector
import KVStore
import Stories

/// The elector's process. ``ElectorLoop`` decides the order.
extension Simulation {
  func elector(_ node: Int, _ life: Int) -> SimulatedElector<Core>? {
    guard let elector = self.nodes[node].elector, elector.life == life else { return nil }
    return elector
  }

  private func bootInstant(
    _ instant: Instant, _ elector: SimulatedElector<Core>
  ) -> BootInstant {
    BootInstant(nanoseconds: elector.begin + Nanoseconds(instant.sinceStart))
  }

  // MARK: The process

  mutating func startElector(of guardian: SimulatedGuard) {
    let node = guardian.node
    guard self.nodes[node].elector == nil else { return }
    let state = self.nodes[node]
    self.nodes[node].electorLives += 1
    let drawn = Double(self.chance.index(below: 20)) / 100
    var core = Core(
      candidate: Candidate(
        name: state.holder, bootID: state.bootID, destination: "/m"),
      timing: state.timing, asksKubelet: state.asksKubelet, podLimits: self.draw.podLimits,
      jitter: self.scenario.isJittered ? drawn : 0)
    if state.manifest == nil, !state.isMarked { core.expectNoPod() }
    let elector = SimulatedElector<Core>(
      node: node, life: self.nodes[node].electorLives, begin: state.clock.reading(at: self.now),
      core: core,
      copy: ManifestCopy(
        deadlineDetection: state.timing.manifestExpires ? state.timing.podStop.detection : nil))
    self.nodes[node].elector = elector
    guardian.sight.connection = .open
    self.lastTrouble = self.now
    self.tell(.node(node, .elector), "starts")
    self.begin(.alive, "runs", .node(node, .elector))
    if state.asksKubelet { self.at(self.now, elector) { $0.pollPast(elector) } }
    self.deliver(.started, to: elector)
  }

  mutating func deliver(_ event: Election.Event, to elector: SimulatedElector<Core>) {
    elector.loop.receive(event)
    self.turn(elector)
  }

  /// Ends the process.
  mutating func endElector(_ node: Int, _ end: ElectorEnd) {
    guard let elector = self.nodes[node].elector else { return }
    elector.hasEnded = true
    self.tell(.node(node, .elector), end.phrase)
    self.endBelief(node)
    self.begin(.down, "down", .node(node, .elector))
    self.nodes[node].elector = nil
    self.lastTrouble = self.now
    self.store.unwatch(node: node)
    if let guardian = self.nodes[node].guardian {
      self.hangUp(on: guardian)
      self.at(self.now + self.chance.span(0...1_000_000), guardian) {
        $0.tell(guardian) { $0.electorEnd = end }
      }
    }
    self.restartUnitIfGone(node)
  }

  // MARK: The loop

  mutating func turn(_ elector: SimulatedElector<Core>) {
    while !elector.hasEnded, elector.stoppedUntil <= self.now, let step = elector.loop.next() {
      switch step {
      case .handle(let event):
        let reading = self.nodes[elector.node].clock.reading(at: self.now)
        let effects = elector.core.handle(
          event, at: Instant((reading - elector.begin).duration))
        elector.loop.decided(effects)
      case .carryOut(let effect): self.carryOut(effect, elector)
      case .settled: break
      }
    }
  }

  private mutating func carryOut(
    _ effect: Election.Effect, _ elector: SimulatedElector<Core>
  ) {
    let node = elector.node
    switch effect {
    case .removeManifest: self.begin(.removal(isGuarded: true), elector)
    case .installManifest(let term, let before):
      // Each `--sleep` installs again, which changes nothing and would fill the timeline.
      if elector.copy.bytes == nil {
        self.tell(.node(node, .elector), "installs the manifest, term \(term)")
        self.begin(.lease, "leads in term \(term)", .node(node, .lease))
      }
      self.nodes[node].installedTerm = term
      self.nodes[node].believedUntil = self.nodes[node].clock.time(
        of: self.bootInstant(before, elector).nanoseconds)
      elector.installsUntil = self.bootInstant(before, elector)
      self.begin(.installation(isGuarded: true, isThere: elector.copy.bytes != nil), elector)
    case .extendManifest(let end):
      self.nodes[node].believedUntil = self.nodes[node].clock.time(
        of: self.bootInstant(end, elector).nanoseconds)
      self.ask(.extend(until: self.bootInstant(end, elector)), elector)
    case .send(let request): self.send(request, elector)
    case .watch(let id, let after):
      elector.watch = id
      self.store.unwatch(node: node)
      let watcher = SimulatedStore.Watcher(
        node: node, incarnation: elector.life, id: id, after: after,
        key: self.nodes[node].lock.key)
      self.toStore(node) { $0.watchArrives(watcher) }
    case .wake(let instant):
      let due = self.nodes[node].clock.time(
        of: elector.begin + Nanoseconds(roundingUp: instant.sinceStart))
      self.setAlarm(due, elector) { $0.deliver(.woke, to: elector) }
    case .awaitPodEnd(let id, let isYoung):
      self.watchPod(elector, id, elector.copy.podsSoFar, isYoung: isYoung)
    case .observePod(let id):
      let kubelet = self.nodes[node].kubelet
      let isSilent = !kubelet.answers || self.chance.hits(percent: 10)
      let observation =
        isSilent
        ? nil
        : PodObservation(
          isRunning: !kubelet.running.isEmpty, restarts: 0,
          containers: kubelet.running.sorted().map { "\(kubelet.life) \($0)" })
      if observation?.isRunning == true { elector.hasFoundKubelet = true }
      self.at(self.now + .milliseconds(1), elector) {
        $0.deliver(.podObserved(id: id, observation), to: elector)
      }
    case .report(let report): self.take(report, elector)
    case .finish(let outcome):
      if elector.core.podHasEnded { self.nodes[node].isMarked = false }
      let isGood = ElectionServiceError(outcome, guardLoss: elector.requests.loss) == nil
      self.endElector(node, .code(isGood ? 0 : 1))
    }
  }

  private mutating func take(_ report: Election.Report, _ elector: SimulatedElector<Core>) {
    let node = elector.node
    let lease = Timeline.Part.node(node, .lease)
    switch report {
    case .acquired(let term):
      self.result.terms += 1
      self.nodes[node].believedUntil = nil
      self.begin(.lease, "has won term \(term)", lease)
    case .regained(let term): self.begin(.lease, "leads in term \(term)", lease)
    case .waiting(let term, let rest):
      self.begin(
        .lockDelay,
        "waits up to \(Story.words(rest / .seconds(1))) for the pod of "
          + (term.map { "term \($0)" } ?? "an earlier term"), lease)
    case .lost:
      self.result.losses += 1
      self.endBelief(node)
    case .released, .notReleased: self.endBelief(node)
    case .leading, .following: return
    default: break
    }
    guard self.tells else { return }
    let age = self.nodes[node].clock.reading(at: self.now) - elector.begin
    // A trouble that goes on is one line, as in the elector's log.
    if elector.news.isNews(report, at: Instant(age.duration)) {
      self.tell(.node(node, .elector), report.phrase)
    }
  }

  /// An elector that stands still believes in nothing, and says so only when it goes on.
  mutating func endBelief(_ node: Int) {
    guard self.tells else { return }
    self.timeline.end(
      in: .node(node, .lease), at: min(self.now, self.nodes[node].believedUntil ?? self.now))
  }
}
