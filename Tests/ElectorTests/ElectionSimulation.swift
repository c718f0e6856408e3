import Testing

@testable import Elector

/// Numbers from a seed, the same in each run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    self.state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = self.state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

/// The lock key of a store in virtual time, in milliseconds.
private struct ModelStore {
  struct Key {
    var holder: Holder
    var endsAt: Int
  }
  var index: UInt64 = 3
  var key: Key?
  var history: [(index: UInt64, change: Election.Change)] = []
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
    }
  }

  func change(after index: UInt64) -> Election.Change? {
    if let oldest = self.history.first?.index, index + 1 < oldest, self.history.count > 20 {
      return .historyCleared
    }
    return self.history.first { $0.index > index }?.change
  }
}

/// Electors around a store with a network that loses, delays and repeats nothing but the truth.
private struct Simulation {
  struct Node {
    var name: String
    var election: Election
    /// How many of its own milliseconds pass in a thousand; clocks are not quite equal.
    var rate: Int
    var isInstalled = false
    /// Until when the lease that was installed last is believed, in virtual time.
    var believedUntil = 0
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
    case installation(Int, generation: Int, before: Instant)
    case removal(Int, generation: Int)
    case restart(Int)
    case stop(Int)
  }

  let seed: UInt64
  var random: SeededGenerator
  let timing: Timing
  var store: ModelStore
  var nodes: [Node] = []
  var now = 0
  /// The latest first.
  var queue: [(at: Int, what: Happening)] = []
  var isFaulty = true
  var problems: [String] = []
  var terms = 0

  init(seed: UInt64) throws {
    self.seed = seed
    self.random = SeededGenerator(state: seed)
    self.timing = try Timing(
      ttlSeconds: Int64.random(in: 3...12, using: &self.random),
      sleep: .milliseconds(Int.random(in: 200...6000, using: &self.random)))
    self.store = ModelStore(ttl: Int(self.timing.ttlSeconds) * 1000)
    let haveOneName = self.random.chance(15)
    for number in 0..<Int.random(in: 2...3, using: &self.random) {
      let name = haveOneName ? "same" : "node\(number)"
      self.nodes.append(
        Node(
          name: name, election: Election(name: name, timing: self.timing),
          rate: Int.random(in: 960...1040, using: &self.random)))
      self.schedule(
        in: Int.random(in: 0...50, using: &self.random),
        .event(number, generation: 0, .started))
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
    Instant(.microseconds(self.now * self.nodes[node].rate))
  }

  /// The virtual time at which a node's clock shows an instant, or just after.
  func time(of instant: Instant, on node: Int) -> Int {
    let (seconds, attoseconds) = instant.sinceStart.components
    let microseconds = Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000) + 1
    return (microseconds + self.nodes[node].rate - 1) / self.nodes[node].rate
  }

  mutating func run() {
    while self.now < 60_000, self.problems.isEmpty { self.step() }
    // Now everything heals, and somebody must lead: at the latest when the last lease has ended and
    // all pauses have been waited for.
    self.isFaulty = false
    for node in self.nodes.indices { self.nodes[node].cutOffUntil = 0 }
    let sleep = Int(self.timing.sleep / .milliseconds(1))
    let end = self.now + 20_000 + self.store.ttl + 12 * sleep + 5_000
    while self.now < end, self.problems.isEmpty { self.step() }
    if self.problems.isEmpty, self.nodes.count(where: \.isInstalled) != 1 {
      self.fail("\(self.nodes.count(where: \.isInstalled)) masters after all has healed")
    }
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
      guard self.nodes[node].alarmID == id, !self.postponed(node, what) else { return }
      self.feed(.woke, to: node)
    case .arrival(let node, let generation, let request): self.arrive(request, of: node, generation)
    case .expiry:
      self.store.expire(at: self.now)
      self.tellWatchers()
    case .installation(let node, let generation, let before):
      self.nodes[node].isAtItsFiles = false
      guard self.isCurrent(node, generation) else { return }
      self.install(node, before: before)
    case .removal(let node, let generation):
      self.nodes[node].isAtItsFiles = false
      guard self.isCurrent(node, generation) else { return }
      self.nodes[node].isInstalled = false
      self.feed(.removed, to: node)
    case .restart(let node):
      self.nodes[node].generation += 1
      self.nodes[node].hasFinished = false
      self.nodes[node].watch = nil
      self.nodes[node].election = Election(name: self.nodes[node].name, timing: self.timing)
      self.feed(.started, to: node)
    case .stop(let node):
      guard !self.postponed(node, what), !self.nodes[node].hasFinished else { return }
      self.feed(.stop, to: node)
    }
  }

  func isCurrent(_ node: Int, _ generation: Int) -> Bool {
    self.nodes[node].generation == generation && !self.nodes[node].hasFinished
  }

  mutating func postponed(_ node: Int, _ what: Happening) -> Bool {
    let wait = self.nodes[node].busyUntil - self.now
    guard wait > 0 || self.nodes[node].isAtItsFiles else { return false }
    self.schedule(in: max(0, wait), what)
    return true
  }

  mutating func install(_ node: Int, before: Instant) {
    guard self.clock(node) < before else {
      self.feed(.installTooLate, to: node)
      return
    }
    if self.isFaulty, self.random.chance(3) {
      self.feed(.installFailed(reason: "model"), to: node)
      return
    }
    self.nodes[node].isInstalled = true
    self.nodes[node].believedUntil = self.time(of: before, on: node)
    for other in self.nodes.indices where other != node && self.nodes[other].isInstalled {
      // A stopped process cannot remove anything; its lease must be over at least.
      let isStopped = self.nodes[other].busyUntil >= self.now
      if !isStopped || self.now < self.nodes[other].believedUntil {
        self.fail("\(node) and \(other) both have the manifest")
      }
    }
    self.feed(self.random.chance(3) ? .kept(reason: "model") : .installed, to: node)
  }

  mutating func arrive(_ request: Election.Request, of node: Int, _ generation: Int) {
    let answer = self.store.apply(request.kind, name: self.nodes[node].name, at: self.now)
    self.tellWatchers()
    if let key = self.store.key { self.schedule(in: key.endsAt - self.now, .expiry) }
    if self.isFaulty, self.random.chance(10) || self.nodes[node].cutOffUntil > self.now { return }
    self.schedule(
      in: self.delay(), .event(node, generation: generation, .answered(id: request.id, answer)))
  }

  mutating func delay() -> Int {
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
        in: self.delay(),
        .event(node, generation: self.nodes[node].generation, .watched(id: watch.id, change)))
    }
  }

  mutating func feed(_ event: Election.Event, to node: Int) {
    if self.isFaulty { self.makeFault(on: node) }
    let effects = self.nodes[node].election.handle(event, at: self.clock(node))
    if self.nodes[node].isInstalled, !self.nodes[node].election.leads(at: self.clock(node)),
      !self.nodes[node].isAtItsFiles, !effects.contains(.removeManifest)
    {
      self.fail("\(node) leads no more and does not remove the manifest after \(event)")
    }
    for effect in effects { self.carryOut(effect, for: node) }
    let election = self.nodes[node].election
    if let lease = election.lease, election.leads(at: self.clock(node)),
      self.nodes[node].alarm > lease.sentAt + self.timing.renewDeadline
    {
      self.fail("\(node) would sleep beyond the end of its lease")
    }
  }

  mutating func makeFault(on node: Int) {
    if self.random.chance(1) {
      self.nodes[node].cutOffUntil = self.now + Int.random(in: 0...20_000, using: &self.random)
    }
    if self.random.chance(1), self.random.chance(30) {
      self.nodes[node].busyUntil = self.now + Int.random(in: 0...20_000, using: &self.random)
    }
    if self.random.chance(1), self.random.chance(20), !self.nodes[node].hasFinished {
      self.schedule(in: 1, .stop(node))
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
      self.occupy(node, .installation(node, generation: generation, before: before), duration)
    case .send(let request):
      switch request.kind {
      case .create, .release:
        if self.nodes[node].isInstalled { self.fail("\(node) sends \(request) beside a manifest") }
      case .read, .renew: break
      }
      // The shell's own bound; what arrives first counts.
      let timeout = self.timing.requestTimeout / .milliseconds(1)
      self.schedule(
        in: Int(timeout),
        .event(
          node, generation: generation, .answered(id: request.id, .unanswered(reason: "timed out")))
      )
      let isLost =
        self.isFaulty && (self.random.chance(10) || self.nodes[node].cutOffUntil > self.now)
      if !isLost {
        self.schedule(in: self.delay(), .arrival(node, generation: generation, request))
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
    case .awaitPodEnd:
      self.schedule(in: 500, .event(node, generation: generation, .podEnded))
    case .report(.acquired): self.terms += 1
    case .report: break
    case .finish:
      if self.nodes[node].isInstalled { self.fail("\(node) ends beside a manifest") }
      self.nodes[node].hasFinished = true
      self.nodes[node].watch = nil
      self.schedule(in: Int.random(in: 1...5_000, using: &self.random), .restart(node))
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
  /// Two or three electors in a minute of losses, delays, cuts, pauses and stops: at no instant
  /// have two of them the manifest, and when all has healed one has it.
  @Test(arguments: 0..<8) func neverTwoAndInTheEndOne(_ batch: Int) throws {
    var terms = 0
    for seed in batch * 25..<batch * 25 + 25 {
      var simulation = try Simulation(seed: UInt64(seed))
      simulation.run()
      terms += simulation.terms
      for problem in simulation.problems { Issue.record("\(problem)") }
    }
    // A simulation in which nothing changes hands proves nothing.
    #expect(terms > 50)
  }
}
