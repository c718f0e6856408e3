import EtcdClient
import Elector
import FakeKubelet
import KVStore
import SeededRandom

/// A cluster in simulated time: candidates with guards and kubelets around one store, and their faults. The
/// cores and the order of their shells are the shipped ones; clocks, sockets, files and processes are
/// simulated.
///
/// The same scenario, seed and faults give the same run.
package struct Simulation<Core: ElectionCore>: ~Copyable {
  /// Indirect, since the agenda moves its entries.
  indirect enum Happening: Sendable {
    case faultBegins(Int)
    case faultEnds(Int)
    case unitStarts(Int)
    case electorStarts(Int, guardLife: Int)
    case toElector(Int, life: Int, Election.Event)
    case electorAlarm(Int, life: Int, id: Int)
    case electorDies(Int, life: Int)
    case electorGoesOn(Int, life: Int)
    /// The elector has finished its own step at a manifest's file.
    case electorFileDone(Int, life: Int)
    case guardAnswers(Int, life: Int, GuardAnswer)
    case guardLimit(Int, life: Int, request: UInt32)
    case guardOverdue(Int, life: Int, request: UInt32)
    case pastPolled(Int, life: Int)
    case requestReaches(Int, life: Int, GuardRequest)
    case childEnds(Int, life: Int, ElectorEnd)
    case guardAlarm(Int, life: Int, id: Int)
    case guardGoesOn(Int, life: Int)
    case guardFileDone(Int, life: Int, Guard.Effect)
    case requestArrives(SimulatedStore.Arrival)
    case watchArrives(SimulatedStore.Watcher)
    /// The store has dealt with all earlier requests.
    case requestIsDue(SimulatedStore.Arrival, life: Int)
    case watchIsDue(SimulatedStore.Watcher, life: Int)
    case answerArrives(Int, life: Int, id: Int, Answer)
    case storeGoesOn(life: Int)
    case storeStarts
    case diskIsDone(life: Int)
    case tablesAreDone(life: Int)
    case storeAlarm(life: Int, Nanoseconds)
    case kubeletNotices(Int, life: Int)
    case kubeletAlarm(Int, life: Int, Int)
    case container(Int, life: Int, PodWorkers.Event)
    case podAsked(Int, life: Int, Int)
  }

  enum Answer: Sendable {
    case outcome(SimulatedStore.Outcome)
    /// No process listens at the store's port.
    case refused
    /// The connection broke, or the request timed out.
    case none(String)
  }

  package let scenario: Scenario
  package let seed: UInt64
  let draw: Draw
  var chance: SeededGenerator
  var network: SeededGenerator
  var agenda = Agenda<Happening>()
  var now: Nanoseconds = 0
  var store: SimulatedStore
  var nodes: [SimulatedNode<Core>] = []
  var audit = Audit()
  var commitsFail = false
  var storeIsSlow = false
  /// When the store will have finished all requests that have arrived, if requests take time.
  var storeIsBusyUntil: Nanoseconds = 0
  /// The last pod that has ended, for each election.
  private var lastPods: [(gone: Nanoseconds, node: Int)?] = []
  /// The last instant of a fault or of its consequences.
  var lastTrouble: Nanoseconds = 0
  package private(set) var result = RunResult()
  let tells: Bool
  package internal(set) var story = Timeline()
  private let manifests: [PodManifest]
  /// The longest allowed time from ``lastTrouble`` until a pod runs.
  private let bound: Nanoseconds

  static var lockName: String { "kube-scheduler" }

  /// - Parameters:
  ///   - faults: replace the faults of the seed.
  ///   - tells: whether ``story`` is filled.
  package init(
    _ scenario: Scenario, seed: UInt64, faults: [SimulatedFault]? = nil, tells: Bool = false
  ) {
    self.scenario = scenario
    self.seed = seed
    self.tells = tells
    let draw = Draw(scenario, seed: seed, faults: faults)
    self.draw = draw
    self.bound = draw.bound
    var chance = SeededGenerator(seed: seed ^ 0x5eed)
    self.network = chance.split()
    self.store = SimulatedStore(gain: chance.span(-100_000...100_000))
    self.manifests = draw.timings.indices.map {
      Manifests.shared.pod(node: "node\($0)", graceSeconds: draw.grace / 1_000_000_000)
    }
    let masters = draw.timings.count
    for index in 0..<masters * scenario.elections {
      let (election, number) = index.quotientAndRemainder(dividingBy: masters)
      let timing = draw.timings[number]
      let gain = chance.span(-100_000...100_000)
      let holder = draw.haveOneName ? "same" : "node\(number)"
      self.nodes.append(
        SimulatedNode(
          name: "node\(number)", holder: holder,
          lock: Lock(
            name: scenario.elections == 1 ? Self.lockName : "\(Self.lockName)-\(election)",
            holder: holder, ttlSeconds: timing.ttlSeconds),
          timing: timing, asksKubelet: chance.hits(percent: 50), grace: draw.grace, gain: gain,
          clock: NodeClock(bootedAt: -.seconds(100), gain: gain),
          kubelet: SimulatedKubelet(life: 0, begin: 0)))
    }
    self.chance = chance
    self.store.boot(at: -.seconds(1_000), wallSkew: 0)
    if let problem = self.store.start(at: 0) { self.audit.fail(problem) }
    let startWithin = Nanoseconds(scenario.startWithin)
    for number in self.nodes.indices {
      // With many elections, the first node of each election leads.
      let begin = scenario.elections > 1 && number % masters > 0 ? startWithin + .seconds(1) : 0
      self.agenda.add(.unitStarts(number), at: begin + self.chance.span(0...startWithin))
      self.nodes[number].isUnitScheduled = true
    }
    self.lastPods = Array(repeating: nil, count: scenario.elections)
    for (index, fault) in draw.faults.enumerated() {
      self.agenda.add(.faultBegins(index), at: fault.begin)
      self.agenda.add(.faultEnds(index), at: fault.end)
    }
  }

  /// The faults of this run, for a second run with fewer of them.
  package var faults: [SimulatedFault] { self.draw.faults }

  // MARK: Running

  /// Runs to the end, or to the first violation.
  package mutating func run() {
    let longest = self.draw.window + .seconds(900)
    let faultsEnd = max(self.draw.window, self.draw.faults.map(\.end).max() ?? 0)
    while true {
      guard let (at, what) = self.agenda.next() else {
        self.audit.fail("nothing is left to happen")
        break
      }
      if at > max(faultsEnd, self.lastTrouble) + self.bound || at > longest { break }
      self.now = at
      self.happen(what)
      self.result.steps += 1
      if let violation = self.audit.takeViolation() {
        self.violate(violation)
        break
      }
    }
    self.result.simulated = self.now
    if self.result.violation == nil {
      for election in self.lastPods.indices {
        let running = self.nodes[self.rivals(ofElection: election)].count {
          !$0.kubelet.running.isEmpty
        }
        if running != 1 {
          self.violate("\(running) pods run \(Timeline.time(self.bound)) after the last trouble")
          break
        }
      }
    }
    self.story.close(at: self.now)
  }

  private mutating func violate(_ violation: String) {
    self.result.violation = violation
    self.tell(.verdict, violation)
  }

  mutating func tell(_ lane: Timeline.Lane, _ text: @autoclosure () -> String) {
    if self.tells { self.story.tell(text(), by: lane, at: self.now) }
  }

  /// A state begins, or with `nil` ends.
  mutating func span(_ kind: Timeline.Span.Kind, _ label: String?, _ lane: Timeline.Lane) {
    guard self.tells else { return }
    if let label {
      self.story.begin(kind, label, in: lane, at: self.now)
    } else {
      self.story.end(kind, in: lane, at: self.now)
    }
  }

  func isStormy(_ node: Int) -> Bool { self.nodes[node].stormUntil > self.now }

  private mutating func happen(_ what: Happening) {
    switch what {
    case .faultBegins(let index): self.begin(self.draw.faults[index])
    case .faultEnds(let index): self.end(self.draw.faults[index])
    case .unitStarts(let node): self.startUnit(node)
    case .electorStarts(let node, let life): self.startElector(node, guardLife: life)
    case .toElector(let node, let life, let event): self.deliver(event, toElector: node, life)
    case .electorAlarm(let node, let life, let id):
      guard self.elector(node, life)?.alarm == id else { return }
      self.deliver(.woke, toElector: node, life)
    case .electorDies(let node, let life):
      guard self.elector(node, life) != nil, self.isGuardWell(node) else { return }
      self.endElector(node, .signal(9))
    case .electorGoesOn(let node, let life):
      guard self.elector(node, life) != nil else { return }
      self.tell(.elector(node), "goes on")
      self.span(.stopped, nil, .elector(node))
      self.lastTrouble = self.now
      self.turnElector(node)
    case .electorFileDone(let node, let life): self.electorFileDone(node, life)
    case .guardAnswers(let node, let life, let answer): self.guardAnswered(node, life, answer)
    case .guardLimit(let node, let life, let request):
      self.guardLimitReached(node, life, request)
    case .guardOverdue(let node, let life, let request): self.guardIsOverdue(node, life, request)
    case .pastPolled(let node, let life): self.pollPast(node, life)
    case .requestReaches(let node, let life, let request):
      self.requestReaches(node, life, request)
    case .childEnds(let node, let life, let end):
      self.tellGuard(node, life) { $0.electorEnd = end }
    case .guardAlarm(let node, let life, let id):
      guard self.guardian(node, life)?.alarm == id else { return }
      self.tellGuard(node, life) { $0.hasRung = true }
    case .guardGoesOn(let node, let life):
      guard self.guardian(node, life) != nil else { return }
      self.tell(.guardian(node), "goes on")
      self.span(.stopped, nil, .guardian(node))
      self.lastTrouble = self.now
      self.turnGuard(node)
    case .guardFileDone(let node, let life, let effect): self.guardFileDone(node, life, effect)
    case .requestArrives(let arrival):
      if self.store.isUp, let done = self.queue() {
        self.agenda.add(.requestIsDue(arrival, life: self.store.incarnation), at: done)
      } else {
        self.requestArrives(arrival)
      }
    case .requestIsDue(let arrival, let life):
      if self.store.incarnation == life { self.requestArrives(arrival) }
    case .watchArrives(let watcher):
      guard self.scenario.tellsWatchers else { return }
      if self.store.isUp, let done = self.queue() {
        self.agenda.add(.watchIsDue(watcher, life: self.store.incarnation), at: done)
      } else {
        self.watchArrives(watcher)
      }
    case .watchIsDue(let watcher, let life):
      if self.store.incarnation == life { self.watchArrives(watcher) }
    case .answerArrives(let node, let life, let id, let answer):
      self.answerArrives(node, life, id, answer)
    case .storeGoesOn(let life):
      guard self.store.incarnation == life else { return }
      self.tell(.store, "goes on")
      self.span(.stopped, nil, .store)
      self.lastTrouble = self.now
      self.turnStore()
    case .storeStarts: self.startStore()
    case .diskIsDone(let life): self.diskIsDone(life)
    case .tablesAreDone(let life): self.tablesAreDone(life)
    case .storeAlarm(let life, let at):
      guard self.store.incarnation == life, self.store.alarm == at else { return }
      self.store.alarm = nil
      self.turnStore()
    case .kubeletNotices(let node, let life): self.kubeletNotices(node, life)
    case .kubeletAlarm(let node, let life, let id):
      guard self.nodes[node].kubelet.life == life, self.nodes[node].kubelet.alarm == id else {
        return
      }
      self.tellKubelet(.woke, node)
    case .container(let node, let life, let event): self.container(node, life, event)
    case .podAsked(let node, let life, let id): self.askForPod(node, life, id)
    }
  }

  // MARK: Pods

  func manifest(_ node: Int) -> PodManifest { self.manifests[node % self.manifests.count] }

  /// The nodes of an election.
  private func rivals(ofElection election: Int) -> Range<Int> {
    let first = election * self.manifests.count
    return first..<first + self.manifests.count
  }

  /// A pod has begun to run.
  mutating func podRuns(_ node: Int) {
    self.result.pods += 1
    let election = node / self.manifests.count
    if let last = self.lastPods[election], last.node != node {
      self.result.takeovers.append(self.now - last.gone)
    }
    for other in self.rivals(ofElection: election) where other != node {
      if !self.nodes[other].kubelet.running.isEmpty {
        self.audit.fail("\(self.nodes[other].name) and \(self.nodes[node].name) both run the pod")
      }
    }
  }

  mutating func podIsGone(_ node: Int) {
    self.lastPods[node / self.manifests.count] = (gone: self.now, node: node)
  }

  /// - Returns: when the store will have finished this request; `nil` for at once.
  mutating func queue() -> Nanoseconds? {
    guard self.scenario.requestTime > .zero else { return nil }
    let slot = Int(self.now / 100_000_000)
    if self.result.load.count <= slot {
      self.result.load += Array(repeating: 0, count: slot + 1 - self.result.load.count)
    }
    self.result.load[slot] += 1
    self.storeIsBusyUntil =
      max(self.storeIsBusyUntil, self.now) + Nanoseconds(self.scenario.requestTime)
    return self.storeIsBusyUntil
  }

  mutating func countLoss() { self.result.losses += 1 }
  mutating func countExpiry() { self.result.expiries += 1 }
  mutating func countTerm() { self.result.terms += 1 }
  mutating func count(_ fault: SimulatedFault.Kind) { self.result.faults[fault, default: 0] += 1 }
}
