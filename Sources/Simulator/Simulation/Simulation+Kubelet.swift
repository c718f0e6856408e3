import Elector
import FakeKubelet

/// The kubelet's process with its directory, and its containers, which can outlive it and stop as slowly as their
/// manifest allows.
extension Simulation {
  mutating func setManifest(_ node: Int, _ manifest: SimulatedManifest?) {
    let former = self.nodes[node].manifest
    self.nodes[node].manifest = manifest
    guard former?.bytes != manifest?.bytes else { return }
    if (former == nil) != (manifest == nil) {
      self.tell(
        .node(node, .manifest),
        manifest == nil ? "the manifest is gone" : "the manifest is in place")
      if manifest == nil {
        self.nodes[node].manifestGone = self.now
        self.end(.node(node, .manifest))
      } else {
        self.begin(.manifest, "manifest", .node(node, .manifest))
      }
    }
    let kubelet = self.nodes[node].kubelet
    let isRemoval =
      former != nil
      && manifest.map({ ManifestText.expiry(in: $0.bytes)?.uid })
        != .some(former.flatMap { ManifestText.expiry(in: $0.bytes)?.uid })
    let isLate = isRemoval && self.isYoung(node)
    // A manifest that is back before the kubelet has noticed is the same pod's.
    if former == nil, kubelet.pod == nil { self.nodes[node].ranFirst = nil }
    let detection = isLate ? self.draw.youngDetection : self.draw.detection
    self.at(self.now + self.chance.upTo(detection), kubelet) { $0.kubeletNotices(kubelet) }
  }

  /// Whether its pod is about to start, or has not run for long: a second less than electors count, whose clocks
  /// have other rates.
  private func isYoung(_ node: Int) -> Bool {
    guard let since = self.nodes[node].ranFirst else { return true }
    return self.now - since < Nanoseconds(PodStop.youth) - .seconds(1)
  }

  private mutating func kubeletNotices(_ kubelet: SimulatedKubelet) {
    let node = kubelet.node
    let bytes = self.nodes[node].manifest?.bytes
    guard kubelet.answers, kubelet.seen != bytes else { return }
    let isGone =
      kubelet.seen.map { seen in
        bytes.map { ManifestText.expiry(in: $0)?.uid } != .some(ManifestText.expiry(in: seen)?.uid)
      } ?? false
    // Source: kubelet, "skipping delete because sources aren't ready yet".
    if kubelet.keepsOrphans, isGone { return }
    if isGone { self.nodes[node].ranFirst = nil }
    kubelet.seen = bytes
    let former = kubelet.pod
    kubelet.pod = bytes.map { self.pod(kubelet, $0, after: former) }
    var changes = ManifestChanges()
    changes.add(from: Self.byName(former), to: Self.byName(kubelet.pod))
    self.tellKubelet(
      .changed(removed: changes.removed, added: changes.added, updated: changes.updated),
      kubelet)
  }

  private static func byName(_ pod: PodManifest?) -> [PodName: PodManifest] {
    pod.map { [$0.name: $0] } ?? [:]
  }

  private mutating func pod(
    _ kubelet: SimulatedKubelet, _ bytes: [UInt8], after former: PodManifest?
  ) -> PodManifest {
    let pod = self.manifest(kubelet.node)
    guard let (uid, seconds) = ManifestText.expiry(in: bytes) else { return pod }
    // Deadlines are whole seconds, and the kubelet checks once a second: a pod is always late by the same time.
    if former?.uid != uid {
      kubelet.lateness = self.chance.upTo(1_000_000_000).duration
    }
    return pod.expiring(uid: uid, seconds: seconds, lateness: kubelet.lateness)
  }

  private mutating func tellKubelet(_ event: PodWorkers.Event, _ kubelet: SimulatedKubelet) {
    if kubelet.isDead {
      kubelet.missed.append(event)
      return
    }
    let clock = self.nodes[kubelet.node].clock
    let now = KubeletInstant(
      sinceStart: (clock.reading(at: self.now) - clock.reading(at: kubelet.begin)).duration)
    for effect in kubelet.core.handle(event, at: now) { self.carryOut(effect, kubelet) }
  }

  private mutating func carryOut(_ effect: PodWorkers.Effect, _ kubelet: SimulatedKubelet) {
    func soon(_ event: PodWorkers.Event, in delay: Nanoseconds) {
      self.at(self.now + delay, kubelet) { $0.container(kubelet, event) }
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
      let clock = self.nodes[kubelet.node].clock
      let due = clock.time(
        of: clock.reading(at: kubelet.begin) + Nanoseconds(roundingUp: instant.sinceStart))
      self.setAlarm(due, kubelet) { $0.tellKubelet(.woke, kubelet) }
    case .report(let event, _):
      guard event.reason == "DeadlineExceeded" else { break }
      self.tell(.node(kubelet.node, .kubelet), "ends the pod, whose own deadline has passed")
      self.result.expiries += 1
    case .podEnded, .runHook, .probe: break
    }
  }

  private mutating func container(_ kubelet: SimulatedKubelet, _ event: PodWorkers.Event) {
    guard kubelet.isUp else { return }
    let node = kubelet.node
    switch event {
    case .containerStarted(let id):
      kubelet.running.insert(id.serial)
      self.nodes[kubelet.node].ranFirst = self.nodes[kubelet.node].ranFirst ?? self.now
      if kubelet.isDead || kubelet.keepsOrphans { kubelet.isOutOfHand = true }
      self.tell(.node(node, .pod), "the pod runs")
      self.begin(.pod, "pod", .node(node, .pod))
      self.podRuns(node)
    case .containerExited(let id, _):
      if kubelet.running.remove(id.serial) != nil { self.podEnds(node) }
      if kubelet.running.isEmpty { kubelet.isOutOfHand = false }
    default: break
    }
    self.tellKubelet(event, kubelet)
  }

  private mutating func podEnds(_ node: Int) {
    self.tell(.node(node, .pod), "the pod has ended")
    self.end(.node(node, .pod))
    self.podIsGone(node)
  }

  /// The kubelet and its containers end.
  mutating func endKubelet(_ node: Int) {
    let kubelet = self.nodes[node].kubelet
    let hadPod = !kubelet.running.isEmpty
    kubelet.isUp = false
    kubelet.running = []
    self.begin(.down, "down", .node(node, .kubelet))
    if hadPod { self.podEnds(node) }
    self.lastTrouble = self.now
  }

  /// The kubelet's process ends, and its containers run on.
  mutating func killKubelet(_ node: Int) {
    let kubelet = self.nodes[node].kubelet
    kubelet.isDead = true
    self.begin(.down, "dead", .node(node, .kubelet))
    kubelet.isOutOfHand = !kubelet.running.isEmpty
  }

  /// A kubelet on what a dead one has left: it adopts the containers of its directory's manifest, and ends the
  /// others, unless it keeps them.
  mutating func restartKubelet(_ node: Int, keepsOrphans: Bool) {
    let kubelet = self.nodes[node].kubelet
    self.lastTrouble = self.now
    kubelet.isDead = false
    kubelet.keepsOrphans = keepsOrphans
    kubelet.restartedAt = self.now
    self.tell(.node(node, .kubelet), "starts again")
    if keepsOrphans {
      self.begin(.fault, "ends no pod", .node(node, .kubelet))
    } else {
      self.begin(.alive, "runs", .node(node, .kubelet))
    }
    self.kubeletNotices(kubelet)
    for event in kubelet.missed { self.tellKubelet(event, kubelet) }
    kubelet.missed = []
    // What was missed is made up for, and it follows its directory again.
    let isWanted = kubelet.seen != nil && kubelet.seen == self.nodes[node].manifest?.bytes
    if kubelet.running.isEmpty || isWanted && !keepsOrphans { kubelet.isOutOfHand = false }
  }

  mutating func startKubelet(_ node: Int) {
    let former = self.nodes[node].kubelet
    former.hasEnded = true
    let kubelet = SimulatedKubelet(node: node, life: former.life + 1, begin: self.now)
    self.nodes[node].kubelet = kubelet
    self.tell(.node(node, .kubelet), "starts again")
    self.begin(.alive, "runs", .node(node, .kubelet))
    self.lastTrouble = self.now
    self.at(self.now, kubelet) { $0.kubeletNotices(kubelet) }
  }
}
