import FakeKubelet

/// The kubelet's shell: its directory, and containers that behave as a manifest allows them at the worst.
extension Simulation {
  /// - Parameter owner: the life of the guard that puts it there; `nil` for a removal.
  mutating func setManifest(_ node: Int, owner: Int?) {
    let was = self.nodes[node].manifestOwner
    self.nodes[node].manifestOwner = owner
    guard (was == nil) != (owner == nil) else { return }
    self.tell(.directory(node), owner == nil ? "absent" : "has the manifest")
    self.span(.manifest, owner.map { _ in "manifest" }, .kubelet(node))
    self.agenda.add(
      .kubeletNotices(node, life: self.nodes[node].kubelet.life),
      at: self.now + self.chance.upTo(self.draw.detection))
  }

  mutating func kubeletNotices(_ node: Int, _ life: Int) {
    let kubelet = self.nodes[node].kubelet
    let isThere = self.nodes[node].manifestOwner != nil
    guard kubelet.life == life, kubelet.isUp, kubelet.sees != isThere else { return }
    self.nodes[node].kubelet.sees = isThere
    let pod = self.manifest(node)
    self.tellKubelet(
      isThere
        ? .changed(removed: [], added: [pod]) : .changed(removed: [pod.name], added: []), node)
  }

  mutating func tellKubelet(_ event: PodWorkers.Event, _ node: Int) {
    let kubelet = self.nodes[node].kubelet
    let now = KubeletInstant(
      sinceStart: (self.nodes[node].clock.reading(at: self.now)
        - self.nodes[node].clock.reading(at: kubelet.begin)).duration)
    for effect in self.nodes[node].kubelet.core.handle(event, at: now) {
      self.carryOut(effect, node)
    }
  }

  private mutating func carryOut(_ effect: PodWorkers.Effect, _ node: Int) {
    let kubelet = self.nodes[node].kubelet
    func soon(_ event: PodWorkers.Event, in delay: Nanoseconds) {
      self.agenda.add(.container(node, life: kubelet.life, event), at: self.now + delay)
    }
    switch effect {
    case .startContainer(let id, _):
      soon(.containerStarted(id), in: self.chance.span(1_000_000...20_000_000))
    case .signal(.terminate, let id):
      // Half of the time it heeds nothing but SIGKILL.
      if self.chance.hits(percent: 50) {
        soon(.containerExited(id, code: 143), in: self.chance.span(0...self.draw.grace))
      }
    case .signal(.kill, let id): soon(.containerExited(id, code: 137), in: .milliseconds(1))
    case .wake(let instant):
      let alarm = kubelet.alarm + 1
      self.nodes[node].kubelet.alarm = alarm
      let clock = self.nodes[node].clock
      let at = clock.time(
        of: clock.reading(at: kubelet.begin) + Nanoseconds(roundingUp: instant.sinceStart))
      self.agenda.add(.kubeletAlarm(node, life: kubelet.life, alarm), at: max(self.now, at))
    case .report, .podEnded, .runHook, .probe: break
    }
  }

  mutating func container(_ node: Int, _ life: Int, _ event: PodWorkers.Event) {
    guard self.nodes[node].kubelet.life == life, self.nodes[node].kubelet.isUp else { return }
    switch event {
    case .containerStarted(let id):
      self.nodes[node].kubelet.running.insert(id.serial)
      self.tell(.kubelet(node), "the pod runs")
      self.span(.runs, "pod", .pod(node))
      self.podRuns(node)
    case .containerExited(let id, _):
      if self.nodes[node].kubelet.running.remove(id.serial) != nil { self.podEnds(node) }
    default: break
    }
    self.tellKubelet(event, node)
  }

  private mutating func podEnds(_ node: Int) {
    self.tell(.kubelet(node), "the pod has ended")
    self.span(.runs, nil, .pod(node))
    self.podIsGone(node)
  }

  /// The kubelet ends, and its containers with it.
  mutating func endKubelet(_ node: Int) {
    let hadPod = !self.nodes[node].kubelet.running.isEmpty
    self.nodes[node].kubelet.isUp = false
    self.nodes[node].kubelet.running = []
    if hadPod { self.podEnds(node) }
    self.lastTrouble = self.now
  }

  mutating func startKubelet(_ node: Int) {
    self.nodes[node].kubeletLives += 1
    self.nodes[node].kubelet = KubeletProcess(
      life: self.nodes[node].kubeletLives, begin: self.now)
    self.lastTrouble = self.now
    self.agenda.add(
      .kubeletNotices(node, life: self.nodes[node].kubelet.life), at: self.now)
  }
}
