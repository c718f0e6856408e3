import EtcdClient
import TestSupport
import Testing

@testable import Elector

extension SeededGenerator {
  fileprivate mutating func chance(_ percent: Int) -> Bool {
    Int.random(in: 0..<100, using: &self) < percent
  }
}

/// The lock key and the record of a store in virtual time, in milliseconds.
private struct ModelStore {
  struct Key {
    var holder: Holder
    var endsAt: Int
  }
  var index: UInt64 = 3
  var key: Key?
  var record: (value: TermRecord, index: UInt64)?
  var history: [(index: UInt64, change: KeyChange)] = []
  let ttl: Int

  mutating func expire(at now: Int) {
    guard let key, now >= key.endsAt else { return }
    self.remove()
  }

  private mutating func remove() {
    self.index += 1
    self.key = nil
    self.history.append((self.index, .removed(index: self.index)))
  }

  private mutating func write(name: String, term: UInt64?, at now: Int) -> Election.Answer {
    self.index += 1
    let holder = Holder(name: name, term: term ?? self.index, modifiedIndex: self.index)
    self.key = Key(holder: holder, endsAt: now + self.ttl)
    self.history.append((self.index, .written(holder)))
    return .granted(term: holder.term, modifiedIndex: self.index)
  }

  mutating func apply(_ kind: Election.Request.Kind, name: String, at now: Int) -> Election.Answer {
    self.expire(at: now)
    switch kind {
    case .read:
      return self.key.map { .found($0.holder, index: self.index) } ?? .absent(index: self.index)
    case .create:
      return self.key == nil ? self.write(name: name, term: nil, at: now) : .exists
    case .renew(let prevIndex):
      guard let key else { return .absent(index: self.index) }
      guard key.holder.modifiedIndex == prevIndex else { return .changed }
      return self.write(name: name, term: key.holder.term, at: now)
    case .release(let prevIndex):
      guard let key else { return .absent(index: self.index) }
      guard key.holder.modifiedIndex == prevIndex else { return .changed }
      self.remove()
      return .released(index: self.index)
    case .readRecord:
      return self.record.map { .recordFound($0.value, modifiedIndex: $0.index) } ?? .recordAbsent
    case .writeRecord(let record, let prevIndex):
      guard self.record?.index == prevIndex else { return .changed }
      self.index += 1
      self.record = (record, self.index)
      return .recordWritten(modifiedIndex: self.index)
    }
  }

  func change(after index: UInt64) -> KeyChange? {
    if let oldest = self.history.first?.index, index + 1 < oldest, self.history.count > 20 {
      return .historyCleared
    }
    return self.history.first { $0.index > index }?.change
  }
}

/// A node's directory and its kubelet, which takes up to D to notice a change, and up to G to stop a pod.
///
/// It ends a pod by itself when the pod's time has passed, for which it looks once a second.
private struct ModelKubelet {
  struct Manifest {
    var uid = 0
    /// Counted from when it began with the pod; `nil` for a pod that does not expire.
    var seconds: Int?
    var expiry: ManifestExpiry?
  }
  var manifest: Manifest?
  var hasManifest: Bool { self.manifest != nil }
  var isRunning = false
  var running = Manifest()
  var startedAt = 0
  /// The pod that has expired, and is not started again.
  var expiredUID: Int?
  /// When the pod that stops will have ended.
  var endsAt: Int?
  /// Counts the pods, so that what was scheduled for an earlier one is passed over.
  var pod = 0
}

/// Electors around a store, each with a kubelet and a guard, in a network that loses, delays and repeats
/// nothing but the truth.
///
/// The guard is the process that owns the manifest: whatever becomes of the elector, it takes the
/// manifest away when the lease is no longer believed.
private struct Simulation {
  struct Node {
    var candidate: Candidate
    var timing: Timing
    var asksKubelet: Bool
    var podLimits: PodLimits
    var election: Election
    /// How many of its own nanoseconds pass in a millisecond; clocks are not quite equal.
    var rate: Int
    var kubelet = ModelKubelet()
    /// The uid of what is installed, or about to be, and since when; for manifests that expire.
    var life: (value: ManifestLife, uid: Int, begin: Instant)?
    /// When the guard removes the manifest, in virtual time.
    var guardsUntil = 0
    /// A process that is stopped, or waits for its disk, takes in nothing until then.
    var busyUntil = 0
    var isAtItsFiles = false
    var cutOffUntil = 0
    var alarmID = 0
    var alarm = Instant.start
    var watch: (id: Int, after: UInt64)?
    var generation = 0
    var hasFinished = false
  }

  enum Happening {
    case event(Int, generation: Int, Election.Event)
    case alarm(Int, id: Int)
    case arrival(Int, generation: Int, Election.Request)
    case expiry
    /// `nil` when it is too late for a deadline.
    case installation(Int, generation: Int, before: Instant, ModelKubelet.Manifest?)
    case removal(Int, generation: Int)
    case guardRemoval(Int)
    case notice(Int)
    case podEnd(Int, pod: Int)
    /// The kubelet looks whether a pod has expired.
    case expiryLook(Int, pod: Int)
    case question(Int, generation: Int, id: Int, since: Int, wasListed: Bool)
    case restart(Int)
    case stop(Int)
    /// `kill -9` of the elector.
    case crash(Int)
    /// Elector and guard end at the same instant, and nobody removes the manifest.
    case containerDeath(Int)
    /// The machine is off, and comes back with an empty directory.
    case powerCut(Int)
  }

  let seed: UInt64
  var random: SeededGenerator
  let detection: Int
  let grace: Int
  let ttl: Int
  let sleep: Int
  /// The longest of all nodes.
  var delay = 0
  let canInstallFail: Bool
  var store: ModelStore
  var nodes: [Node] = []
  var now = 0
  /// The latest first.
  var queue: [(at: Int, what: Happening)] = []
  var isFaulty = true
  var problems: [String] = []
  var terms = 0
  var pods = 0
  var waits = 0
  var expiries = 0
  var lastUID = 0

  init(seed: UInt64) throws {
    self.seed = seed
    self.random = SeededGenerator(state: seed)
    self.ttl = Int.random(in: 3...12, using: &self.random) * 1000
    self.sleep = Int.random(in: 200...min(6000, self.ttl), using: &self.random)
    self.detection = Int.random(in: 0...1000, using: &self.random)
    self.grace = Int.random(in: 2...8, using: &self.random) * 1000
    self.canInstallFail = self.random.chance(30)
    self.store = ModelStore(ttl: self.ttl)
    let haveOneName = self.random.chance(15)
    for number in 0..<Int.random(in: 2...3, using: &self.random) {
      let profile: Profile? = [nil, nil, .strict].randomElement(using: &self.random) ?? nil
      let timing =
        try self.timing(profile, expires: self.random.chance(70)) ?? self.timing(profile)
        ?? self.timing(nil)
      guard let timing else { continue }
      // One that expires has to wait for an earlier pod of its own.
      if timing.manifestExpires {
        self.delay = max(self.delay, Int(timing.podTime / .milliseconds(1)) + 1)
      }
      self.delay = max(self.delay, Int(timing.podOutlivesLease / .milliseconds(1)) + 1)
      let candidate = Candidate(
        name: haveOneName ? "same" : "node\(number)", bootID: "boot\(number)", destination: "/m")
      let asksKubelet = self.random.chance(50)
      // A pod that has to wait for the end of the one before is no reason to give up.
      let podLimits =
        self.random.chance(50)
        ? PodLimits(startDeadline: .milliseconds(2 * (self.detection + self.grace) + 1_000))
        : PodLimits()
      self.nodes.append(
        Node(
          candidate: candidate, timing: timing, asksKubelet: asksKubelet, podLimits: podLimits,
          election: Election(
            candidate: candidate, timing: timing, asksKubelet: asksKubelet, podLimits: podLimits),
          rate: Int.random(in: 999_900...1_000_100, using: &self.random)))
      self.schedule(
        in: Int.random(in: 0...50, using: &self.random),
        .event(number, generation: 0, .started))
    }
  }

  /// - Returns: `nil` when that does not fit.
  private func timing(_ profile: Profile?, expires: Bool = false) throws -> Timing? {
    do {
      return try Timing(
        ttlSeconds: Int64(self.ttl / 1000), sleep: .milliseconds(self.sleep), profile: profile,
        podStop: PodStop(
          detection: .milliseconds(self.detection), grace: .milliseconds(self.grace)),
        manifestExpires: expires)
    } catch TimingError.deadlineDoesNotFit {
      return nil
    }
  }

  mutating func schedule(in delay: Int, _ what: Happening) {
    let at = self.now + delay
    var low = 0
    var high = self.queue.count
    while low < high {
      let middle = (low + high) / 2
      if self.queue[middle].at > at { low = middle + 1 } else { high = middle }
    }
    self.queue.insert((at, what), at: low)
  }

  func clock(_ node: Int) -> Instant {
    Instant(.nanoseconds(self.now * self.nodes[node].rate))
  }

  /// The virtual time at which a node's clock shows an instant, or just after.
  func time(of instant: Instant, on node: Int) -> Int {
    let (seconds, attoseconds) = instant.sinceStart.components
    let nanoseconds = Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
    return (nanoseconds + self.nodes[node].rate - 1) / self.nodes[node].rate
  }

  mutating func run() {
    while self.now < 90_000, self.problems.isEmpty { self.step() }
    // Now everything heals, and a pod must run: when the last lease has ended and its pod surely has,
    // a second later. Our pauses come on top, where what a watch should have told got lost, and where
    // one stands back that could not install.
    self.isFaulty = false
    for node in self.nodes.indices {
      self.nodes[node].cutOffUntil = 0
      self.nodes[node].busyUntil = min(self.nodes[node].busyUntil, self.now)
      self.schedule(
        in: 0, .event(node, generation: self.nodes[node].generation, .resume))
      if self.nodes[node].hasFinished { self.schedule(in: 0, .restart(node)) }
    }
    let pauses = (self.canInstallFail ? 12 : 2) * self.sleep
    let end = self.now + self.ttl + self.delay + 1_000 + self.detection + pauses
    while self.now < end, self.problems.isEmpty { self.step() }
    let running = self.nodes.count(where: \.kubelet.isRunning)
    if self.problems.isEmpty, running != 1 { self.fail("\(running) pods after all has healed") }
  }

  mutating func fail(_ problem: String) {
    self.problems.append("seed \(self.seed) at \(self.now) ms: \(problem)")
  }

  mutating func step() {
    guard let (at, what) = self.queue.popLast() else {
      self.fail("nothing is left to happen")
      return
    }
    self.now = max(self.now, at)
    self.happen(what)
  }

  mutating func happen(_ what: Happening) {
    switch what {
    case .event(let node, let generation, let event):
      guard self.isCurrent(node, generation), !self.postponed(node, what) else { return }
      self.feed(event, to: node)
    case .alarm(let node, let id):
      guard self.nodes[node].alarmID == id, !self.nodes[node].hasFinished,
        !self.postponed(node, what)
      else { return }
      self.feed(.woke, to: node)
    case .arrival(let node, let generation, let request): self.arrive(request, of: node, generation)
    case .expiry:
      self.store.expire(at: self.now)
      self.tellWatchers()
    case .installation(let node, let generation, let before, let manifest):
      guard self.isCurrent(node, generation) else { return }
      self.nodes[node].isAtItsFiles = false
      self.install(manifest, node, before: before)
    case .removal(let node, let generation):
      guard self.isCurrent(node, generation) else { return }
      self.nodes[node].isAtItsFiles = false
      self.nodes[node].life = nil
      self.put(nil, node)
      self.feed(.removed, to: node)
    case .guardRemoval(let node):
      if self.now >= self.nodes[node].guardsUntil { self.put(nil, node) }
    case .notice(let node): self.notice(node)
    case .podEnd(let node, let pod):
      guard self.nodes[node].kubelet.pod == pod, self.nodes[node].kubelet.endsAt != nil else {
        return
      }
      self.nodes[node].kubelet.endsAt = nil
      self.nodes[node].kubelet.isRunning = false
      self.notice(node)
    case .expiryLook(let node, let pod):
      let kubelet = self.nodes[node].kubelet
      guard kubelet.pod == pod, kubelet.isRunning, kubelet.endsAt == nil,
        let seconds = kubelet.running.seconds, self.now >= kubelet.startedAt + seconds * 1000
      else { return }
      self.expiries += 1
      self.nodes[node].kubelet.expiredUID = kubelet.running.uid
      self.stopPod(node)
    case .question(let node, let generation, let id, let since, let wasListed):
      guard self.isCurrent(node, generation) else { return }
      let isRunning = self.nodes[node].kubelet.isRunning
      if !isRunning, wasListed || self.now - since >= self.detection {
        self.schedule(in: 1, .event(node, generation: generation, .podEnded(id: id)))
      } else {
        self.schedule(
          in: 50,
          .question(
            node, generation: generation, id: id, since: since, wasListed: wasListed || isRunning))
      }
    case .restart(let node): self.start(node)
    case .stop(let node):
      guard !self.nodes[node].hasFinished, !self.postponed(node, what) else { return }
      self.feed(.stop, to: node)
    case .crash(let node): self.end(node)
    case .containerDeath(let node):
      self.nodes[node].guardsUntil = .max
      self.end(node)
    case .powerCut(let node):
      self.end(node)
      self.nodes[node].candidate.bootID += "'"
      let pod = self.nodes[node].kubelet.pod + 1
      self.nodes[node].kubelet = ModelKubelet()
      self.nodes[node].kubelet.pod = pod
    }
  }

  /// The process is gone, and comes back after a while.
  mutating func end(_ node: Int) {
    guard !self.nodes[node].hasFinished else { return }
    self.nodes[node].hasFinished = true
    self.nodes[node].watch = nil
    self.schedule(in: Int.random(in: 1...15_000, using: &self.random), .restart(node))
  }

  mutating func start(_ node: Int) {
    guard self.nodes[node].hasFinished else { return }
    let state = self.nodes[node]
    self.nodes[node].generation += 1
    self.nodes[node].hasFinished = false
    self.nodes[node].isAtItsFiles = false
    self.nodes[node].life = nil
    self.nodes[node].election = Election(
      candidate: state.candidate, timing: state.timing, asksKubelet: state.asksKubelet,
      podLimits: state.podLimits)
    self.feed(.started, to: node)
  }

  func isCurrent(_ node: Int, _ generation: Int) -> Bool {
    self.nodes[node].generation == generation && !self.nodes[node].hasFinished
  }

  mutating func postponed(_ node: Int, _ what: Happening) -> Bool {
    let wait = self.nodes[node].busyUntil - self.now
    guard wait > 0 || self.nodes[node].isAtItsFiles else { return false }
    self.schedule(in: max(1, wait), what)
    return true
  }

  mutating func install(_ manifest: ModelKubelet.Manifest?, _ node: Int, before: Instant) {
    guard let manifest, self.clock(node) < before else {
      self.feed(.installTooLate, to: node)
      return
    }
    if self.isFaulty, self.canInstallFail, self.random.chance(3) {
      let isUntouched = self.random.chance(50)
      if !isUntouched { self.put(manifest, node) }
      self.feed(.installFailed(reason: "model", isUntouched: isUntouched), to: node)
      return
    }
    self.put(manifest, node)
    self.feed(self.random.chance(3) ? .kept(reason: "model") : .installed, to: node)
  }

  /// What is written at this instant, to stay until then.
  mutating func manifest(_ node: Int, before: Instant) -> ModelKubelet.Manifest? {
    guard self.nodes[node].timing.manifestExpires else { return ModelKubelet.Manifest() }
    if self.nodes[node].life == nil {
      self.lastUID += 1
      self.nodes[node].life = (
        ManifestLife(uid: "", detection: .milliseconds(self.detection)), self.lastUID,
        self.clock(node)
      )
    }
    guard let life = self.nodes[node].life else { return nil }
    return life.value.expiry(until: before - life.begin, at: self.clock(node) - life.begin).map {
      ModelKubelet.Manifest(uid: life.uid, seconds: Int($0.seconds), expiry: $0)
    }
  }

  // MARK: The kubelet

  /// Half of the time the worst.
  mutating func upTo(_ limit: Int) -> Int {
    self.random.chance(50) ? limit : Int.random(in: 0...limit, using: &self.random)
  }

  mutating func put(_ manifest: ModelKubelet.Manifest?, _ node: Int) {
    if let expiry = manifest?.expiry, let begin = self.nodes[node].life?.begin {
      let now = self.clock(node)
      self.nodes[node].life?.value.wrote(expiry, at: now - begin)
    }
    guard self.nodes[node].kubelet.hasManifest || manifest != nil else { return }
    self.nodes[node].kubelet.manifest = manifest
    self.schedule(in: self.upTo(self.detection), .notice(node))
  }

  /// The kubelet looks into its directory.
  mutating func notice(_ node: Int) {
    let kubelet = self.nodes[node].kubelet
    // One that stops is waited for.
    guard kubelet.endsAt == nil else { return }
    guard let manifest = kubelet.manifest else {
      if kubelet.isRunning { self.stopPod(node) }
      return
    }
    if kubelet.isRunning {
      if kubelet.running.uid == manifest.uid {
        self.giveTime(manifest, node)
      } else {
        self.stopPod(node)
      }
    } else if kubelet.expiredUID != manifest.uid {
      self.nodes[node].kubelet.isRunning = true
      self.nodes[node].kubelet.startedAt = self.now
      self.nodes[node].kubelet.pod += 1
      self.pods += 1
      self.giveTime(manifest, node)
      for other in self.nodes.indices where other != node && self.nodes[other].kubelet.isRunning {
        self.fail("\(node) and \(other) both run the pod")
      }
    }
  }

  mutating func giveTime(_ manifest: ModelKubelet.Manifest, _ node: Int) {
    self.nodes[node].kubelet.running = manifest
    guard let seconds = manifest.seconds else { return }
    let kubelet = self.nodes[node].kubelet
    let due = kubelet.startedAt + seconds * 1000 + self.upTo(1000)
    self.schedule(in: max(0, due - self.now), .expiryLook(node, pod: kubelet.pod))
  }

  mutating func stopPod(_ node: Int) {
    let duration = self.upTo(self.grace)
    self.nodes[node].kubelet.endsAt = self.now + duration
    self.schedule(in: duration, .podEnd(node, pod: self.nodes[node].kubelet.pod))
  }

  // MARK: The store

  mutating func arrive(_ request: Election.Request, of node: Int, _ generation: Int) {
    let answer = self.store.apply(
      request.kind, name: self.nodes[node].candidate.name, at: self.now)
    self.tellWatchers()
    if let key = self.store.key { self.schedule(in: max(0, key.endsAt - self.now), .expiry) }
    if self.isFaulty, self.random.chance(10) || self.nodes[node].cutOffUntil > self.now { return }
    self.schedule(
      in: self.latency(), .event(node, generation: generation, .answered(id: request.id, answer)))
  }

  mutating func latency() -> Int {
    self.isFaulty && self.random.chance(10)
      ? Int.random(in: 0...4_000, using: &self.random) : Int.random(in: 1...40, using: &self.random)
  }

  mutating func tellWatchers() {
    for node in self.nodes.indices {
      guard let watch = self.nodes[node].watch,
        let change = self.store.change(after: watch.after)
      else { continue }
      self.nodes[node].watch = nil
      if self.isFaulty, self.nodes[node].cutOffUntil > self.now || self.random.chance(5) {
        continue
      }
      self.schedule(
        in: self.latency(),
        .event(node, generation: self.nodes[node].generation, .watched(id: watch.id, change)))
    }
  }

  // MARK: The elector

  mutating func feed(_ event: Election.Event, to node: Int) {
    if self.isFaulty { self.makeFault(on: node) }
    let effects = self.nodes[node].election.handle(event, at: self.clock(node))
    let election = self.nodes[node].election
    if self.nodes[node].kubelet.hasManifest, !election.mayInstall(at: self.clock(node)),
      !self.nodes[node].isAtItsFiles, !effects.contains(.removeManifest)
    {
      self.fail("\(node) leads no more and does not remove the manifest after \(event)")
    }
    for effect in effects { self.carryOut(effect, for: node) }
    if let lease = election.lease, election.leads(at: self.clock(node)) {
      let end = lease.sentAt + self.nodes[node].timing.renewDeadline
      if self.nodes[node].alarm > end { self.fail("\(node) would sleep beyond its lease") }
      // The guard is told of each renewal.
      self.nodes[node].guardsUntil = self.time(of: end, on: node)
      self.schedule(in: self.nodes[node].guardsUntil - self.now, .guardRemoval(node))
    }
  }

  mutating func makeFault(on node: Int) {
    if self.random.chance(1) {
      self.nodes[node].cutOffUntil = self.now + Int.random(in: 0...20_000, using: &self.random)
    }
    guard self.random.chance(1) else { return }
    switch Int.random(in: 0..<100, using: &self.random) {
    case 0..<30:
      self.nodes[node].busyUntil = self.now + Int.random(in: 0...20_000, using: &self.random)
    case 30..<50: self.schedule(in: 1, .stop(node))
    case 50..<80:
      let diesWithGuard = self.nodes[node].timing.manifestExpires && self.random.chance(60)
      self.schedule(in: 1, diesWithGuard ? .containerDeath(node) : .crash(node))
    case 80..<90: self.schedule(in: 1, .powerCut(node))
    case 90..<95:
      let pause: Duration? =
        self.random.chance(30) ? nil : .milliseconds(Int.random(in: 1...9_000, using: &self.random))
      self.schedule(
        in: 1, .event(node, generation: self.nodes[node].generation, .stepDown(for: pause)))
    default: break
    }
  }

  mutating func carryOut(_ effect: Election.Effect, for node: Int) {
    let generation = self.nodes[node].generation
    switch effect {
    case .removeManifest:
      self.occupy(
        node, .removal(node, generation: generation), Int.random(in: 0...3, using: &self.random))
    case .installManifest(_, let before):
      let duration =
        self.isFaulty && self.random.chance(3)
        ? Int.random(in: 0...15_000, using: &self.random)
        : Int.random(in: 0...10, using: &self.random)
      let manifest = self.manifest(node, before: before)
      self.occupy(
        node, .installation(node, generation: generation, before: before, manifest), duration)
    case .send(let request):
      switch request.kind {
      case .create, .release:
        if self.nodes[node].kubelet.hasManifest {
          self.fail("\(node) sends \(request) beside a manifest")
        }
      case .writeRecord:
        // The moment that matters most.
        if self.isFaulty, self.random.chance(10) {
          self.schedule(in: Int.random(in: 1...100, using: &self.random), .crash(node))
        }
      case .read, .renew, .readRecord: break
      }
      // The shell's own bound; what arrives first counts.
      let timeout = self.nodes[node].timing.requestTimeout / .milliseconds(1)
      self.schedule(
        in: Int(timeout),
        .event(
          node, generation: generation, .answered(id: request.id, .unanswered(reason: "timed out")))
      )
      let isLost =
        self.isFaulty && (self.random.chance(10) || self.nodes[node].cutOffUntil > self.now)
      if !isLost {
        self.schedule(in: self.latency(), .arrival(node, generation: generation, request))
      }
    case .watch(let id, let after):
      self.nodes[node].watch = (id, after)
      self.tellWatchers()
    case .wake(let instant):
      self.nodes[node].alarmID += 1
      self.nodes[node].alarm = instant
      self.schedule(
        in: max(0, self.time(of: instant, on: node) - self.now),
        .alarm(node, id: self.nodes[node].alarmID))
    case .observePod(let id):
      let isRunning = self.nodes[node].kubelet.isRunning
      self.schedule(
        in: 1,
        .event(
          node, generation: generation,
          .podObserved(
            id: id,
            self.isFaulty && self.random.chance(20)
              ? nil : PodObservation(isRunning: isRunning, restarts: 0))))
    case .awaitPodEnd(let id):
      self.schedule(
        in: 1,
        .question(node, generation: generation, id: id, since: self.now, wasListed: false))
    case .report(.acquired): self.terms += 1
    case .report(.waiting): self.waits += 1
    case .report: break
    case .finish:
      if self.nodes[node].kubelet.hasManifest { self.fail("\(node) ends beside a manifest") }
      self.end(node)
    }
  }

  /// A file operation keeps the process from everything else until it is done.
  mutating func occupy(_ node: Int, _ what: Happening, _ duration: Int) {
    self.nodes[node].isAtItsFiles = true
    self.nodes[node].busyUntil = max(self.nodes[node].busyUntil, self.now + duration)
    self.schedule(in: self.nodes[node].busyUntil - self.now, what)
  }
}

@Suite struct ElectionSimulationTests {
  /// Two or three electors, each with a kubelet and a guard, in a minute and a half of losses, delays,
  /// cuts, pauses, stops, crashes, power cuts and deaths of elector and guard together: at no instant do two kubelets run the pod, and when all
  /// has healed one does.
  @Test(arguments: 0..<8) func neverTwoPodsAndInTheEndOne(_ batch: Int) throws {
    var (terms, pods, waits, expiries) = (0, 0, 0, 0)
    for seed in batch * 25..<batch * 25 + 25 {
      var simulation = try Simulation(seed: UInt64(seed))
      simulation.run()
      terms += simulation.terms
      pods += simulation.pods
      waits += simulation.waits
      expiries += simulation.expiries
      for problem in simulation.problems { Issue.record("\(problem)") }
    }
    // A simulation in which nothing changes hands proves nothing.
    #expect(terms > 50)
    #expect(pods > 50)
    #expect(waits > 10)
    #expect(expiries > 0)
  }
}
