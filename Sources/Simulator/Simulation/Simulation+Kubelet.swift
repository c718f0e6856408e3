import FakeKubelet

/// The kubelet's process: its directory, and containers that stop as slowly as their manifest allows.
extension Simulation {
  mutating func setManifest(_ node: Int, _ manifest: SimulatedManifest?) {
    let former = self.nodes[node].manifest
    self.nodes[node].manifest = manifest
    guard former?.bytes != manifest?.bytes else { return }
    if (former == nil) != (manifest == nil) {
      self.tell(.directory(node), manifest == nil ? "absent" : "has the manifest")
      self.span(.manifest, manifest.map { _ in "manifest" }, .kubelet(node))
    }
    self.agenda.add(
      .kubeletNotices(node, life: self.nodes[node].kubelet.life),
      at: self.now + self.chance.upTo(self.draw.detection))
  }

  mutating func kubeletNotices(_ node: Int, _ life: Int) {
    let kubelet = self.nodes[node].kubelet
    let bytes = self.nodes[node].manifest?.bytes
    guard kubelet.life == life, kubelet.isUp, kubelet.seen != bytes else { return }
    kubelet.seen = bytes
    let former = kubelet.pod
    kubelet.pod = bytes.map { self.pod(node, $0, after: former) }
    var changes = ManifestChanges()
    changes.add(from: Self.byName(former), to: Self.byName(kubelet.pod))
    self.tellKubelet(
      .changed(removed: changes.removed, added: changes.added, updated: changes.updated), node)
  }

  private static func byName(_ pod: PodManifest?) -> [PodName: PodManifest] {
    pod.map { [$0.name: $0] } ?? [:]
  }

  private mutating func pod(
    _ node: Int, _ bytes: [UInt8], after former: PodManifest?
  ) -> PodManifest {
    let pod = self.manifest(node)
    guard let (uid, seconds) = ManifestText.expiry(in: bytes) else { return pod }
    // Deadlines are whole seconds, and the kubelet checks once a second: a pod is always late by the same time.
    if former?.uid != uid {
      self.nodes[node].kubelet.lateness = self.chance.upTo(1_000_000_000).duration
    }
    return pod.expiring(
      uid: uid, seconds: seconds, lateness: self.nodes[node].kubelet.lateness)
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
      // Half of the containers ignore SIGTERM.
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
    case .report(let event, _):
      guard event.reason == "DeadlineExceeded" else { break }
      self.tell(.kubelet(node), "the pod's own deadline has passed")
      self.countExpiry()
    case .podEnded, .runHook, .probe: break
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

  /// The kubelet and its containers end.
  mutating func endKubelet(_ node: Int) {
    let hadPod = !self.nodes[node].kubelet.running.isEmpty
    self.nodes[node].kubelet.isUp = false
    self.nodes[node].kubelet.running = []
    if hadPod { self.podEnds(node) }
    self.lastTrouble = self.now
  }

  mutating func startKubelet(_ node: Int) {
    self.nodes[node].kubeletLives += 1
    self.nodes[node].kubelet = SimulatedKubelet(
      life: self.nodes[node].kubeletLives, begin: self.now)
    self.lastTrouble = self.now
    self.agenda.add(
      .kubeletNotices(node, life: self.nodes[node].kubelet.life), at: self.now)
  }
}
