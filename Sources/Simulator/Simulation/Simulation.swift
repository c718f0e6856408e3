import EtcdClient
import Elector
import FakeKubelet
import KVStore
import SeededRandom
import Stories

/// A cluster in simulated time: candidates with guards and kubelets around one store, and their faults. The
/// cores and the order of their shells are the shipped ones; clocks, sockets, files and processes are
/// simulated.
///
/// The same scenario, seed and faults give the same run.
package struct Simulation<Core: ElectionCore>: ~Copyable {
  /// What the agenda has for an instant.
  typealias Happening = (inout Self) -> Void

  enum Answer: Sendable {
    case outcome(SimulatedStore.Outcome)
    /// v3's, with the store's revision in it, unless it is the word of one member alone.
    case reply(Result<GatewayReply, EtcdClientError>, revision: UInt64?)
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
  var audit: Audit
  var commitsFail = false
  var storeIsSlow = false
  /// When the store will have finished all requests that have arrived, if requests take time.
  var storeIsBusyUntil: Nanoseconds = 0
  /// The last pod that has ended, for each election.
  private var lastPods: [(gone: Nanoseconds, node: Int)?] = []
  /// The last instant of a fault or of its consequences.
  var lastTrouble: Nanoseconds = 0
  package internal(set) var result = RunResult()
  let tells: Bool
  var timeline: Timeline
  /// What a verdict is made of.
  var evidence = Evidence()
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
    self.audit = Audit(index: draw.api == .v3 ? 1 : 0)
    var chance = SeededGenerator(seed: seed ^ 0x5eed)
    self.network = chance.split()
    self.store = SimulatedStore(gain: chance.span(-100_000...100_000))
    self.manifests = draw.timings.indices.map {
      Manifests.shared.pod(node: "node\($0)", graceSeconds: draw.grace / 1_000_000_000)
    }
    let masters = draw.timings.count
    self.timeline = Timeline(nodes: tells ? draw.timings.indices.map { "node\($0)" } : [])
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
          timing: timing, asksKubelet: chance.hits(percent: 50),
          knowsKubelet: draw.knowKubelets[number], grace: draw.grace, gain: gain,
          clock: NodeClock(bootedAt: -.seconds(100), gain: gain),
          kubelet: SimulatedKubelet(node: index, life: 0, begin: 0)))
    }
    self.chance = chance
    self.store.boot(at: -.seconds(1_000), wallSkew: 0)
    if let problem = self.store.start(at: 0) { self.audit.fail(problem) }
    self.tell(.store(.process), "serves etcd's \(draw.api) API")
    self.begin(.alive, "runs", .store(.process))
    for number in self.nodes.indices { self.begin(.alive, "runs", .node(number, .kubelet)) }
    let startWithin = Nanoseconds(scenario.startWithin)
    for number in self.nodes.indices {
      // With many elections, the first node of each election leads.
      let begin = scenario.elections > 1 && number % masters > 0 ? startWithin + .seconds(1) : 0
      self.agenda.add({ $0.startUnit(number) }, at: begin + self.chance.span(0...startWithin))
      self.nodes[number].isUnitScheduled = true
    }
    self.lastPods = Array(repeating: nil, count: scenario.elections)
    for fault in draw.faults {
      self.agenda.add({ $0.begin(fault) }, at: fault.begin)
      self.agenda.add({ $0.end(fault) }, at: fault.end)
    }
  }

  /// The faults of this run, for a second run with fewer of them.
  package var faults: [SimulatedFault] { self.draw.faults }

  // MARK: Running

  /// Runs to the end, or to the first violation.
  /// - Parameter progress: called now and then with the share of the simulated time that has passed.
  package mutating func run(progress: (Double) -> Void = { _ in }) {
    let longest = self.draw.window + .seconds(900)
    let faultsEnd = max(self.draw.window, self.draw.faults.map(\.end).max() ?? 0)
    while true {
      guard let (at, what) = self.agenda.next() else {
        self.audit.fail("nothing is left to happen")
        break
      }
      if at > max(faultsEnd, self.lastTrouble) + self.bound || at > longest { break }
      if self.hasSeenEnough(before: at) { break }
      self.now = at
      what(&self)
      self.result.steps += 1
      if self.result.steps.isMultiple(of: 10_000) {
        progress(Double(at) / Double(max(faultsEnd, self.lastTrouble) + self.bound))
      }
      if let violation = self.audit.takeViolation(), self.result.violation == nil {
        self.violate(violation)
        // A story shows for how long two pods ran.
        if !self.tells || self.evidence.rivals.isEmpty { break }
      }
    }
    self.result.simulated = self.now
    if self.result.violation == nil {
      for election in self.lastPods.indices {
        let running = self.nodes[self.rivals(ofElection: election)].count {
          !$0.kubelet.running.isEmpty
        }
        if running != 1 {
          self.violate(
            "\(running == 0 ? "no pod runs" : "\(running) pods run") "
              + "\(Story.words(self.bound.seconds)) after the last trouble, where one has to")
          break
        }
      }
    }
    for node in self.nodes.indices { self.endBelief(node) }
    self.timeline.close(at: self.now)
  }

  private mutating func violate(_ violation: String) {
    self.result.violation = violation
    self.evidence.violated = self.now
    if self.tells {
      self.timeline.violate(violation, at: self.now)
      self.collectEvidence()
    }
  }

  mutating func tell(_ part: Timeline.Part, _ text: @autoclosure () -> String) {
    if self.tells { self.timeline.tell(text(), by: part, at: self.now) }
  }

  /// A state begins, and the one before it in the same row ends.
  mutating func begin(
    _ kind: Story.Span.Kind, _ text: @autoclosure () -> String, _ part: Timeline.Part
  ) {
    if self.tells { self.timeline.begin(kind, text(), in: part, at: self.now) }
  }

  mutating func end(_ part: Timeline.Part) {
    if self.tells { self.timeline.end(in: part, at: self.now) }
  }

  func isStormy(_ node: Int) -> Bool { self.nodes[node].end(of: .storm) > self.now }

  // MARK: Processes

  /// A process does this at an instant, unless it has ended by then.
  /// - Parameter delay: after which a stopped process does it when it continues; `nil` if the stop makes no
  ///   difference.
  mutating func at(
    _ instant: Nanoseconds, _ process: SimulatedProcess, afterStop delay: Nanoseconds? = nil,
    _ work: @escaping Happening
  ) {
    let timePaused = self.nodes[process.node].timePaused
    self.agenda.add(
      { simulation in
        if process.hasEnded { return }
        // All that a machine waits for comes that much later when it was paused.
        let pause = simulation.nodes[process.node].timePaused - timePaused
        if pause > 0 {
          simulation.at(simulation.now + pause, process, afterStop: delay, work)
        } else if let delay, process.stoppedUntil > simulation.now {
          simulation.at(process.stoppedUntil + delay, process, afterStop: delay, work)
        } else {
          work(&simulation)
        }
      }, at: instant)
  }

  /// Rings at an instant, instead of any earlier alarm of the process; `nil` for never.
  mutating func setAlarm(
    _ due: Nanoseconds?, _ process: SimulatedProcess, _ work: @escaping Happening
  ) {
    process.alarm += 1
    guard let due else { return }
    self.at(max(self.now, due), process) { [alarm = process.alarm] in
      if process.alarm == alarm { work(&$0) }
    }
  }

  /// SIGSTOP, and SIGCONT at the end.
  mutating func stop(
    _ process: SimulatedProcess, _ row: Timeline.NodeRow, until end: Nanoseconds,
    _ turn: @escaping Happening
  ) {
    let part = Timeline.Part.node(process.node, row)
    process.stoppedUntil = max(process.stoppedUntil, end)
    self.at(end, process) {
      $0.goesOn(part, until: process.stoppedUntil)
      turn(&$0)
    }
    self.begin(.stopped, "stopped", part)
  }

  /// A stop is over.
  /// - Parameter end: of the longest of several.
  mutating func goesOn(_ part: Timeline.Part, until end: Nanoseconds) {
    self.lastTrouble = self.now
    guard end <= self.now else { return }
    self.tell(part, "goes on")
    self.begin(.alive, "runs", part)
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
        if self.isExcused(node) || self.isExcused(other) {
          self.result.excused += 1
          continue
        }
        self.audit.fail("\(self.nodes[other].name) and \(self.nodes[node].name) both run the pod")
        self.evidence.meet(other, node)
      }
    }
  }

  /// Whether the guarantees leave a node out: its pod is in no elector's hand, or the machine is paused, or was so
  /// lately that its elector may not have heard of the store since.
  private func isExcused(_ node: Int) -> Bool {
    self.nodes[node].kubelet.isOutOfHand || self.wasPaused(node)
  }

  func wasPaused(_ node: Int) -> Bool {
    let state = self.nodes[node]
    return state.pausedUntil > 0 && self.now < state.pausedUntil + state.excuse
  }

  /// From here on a machine that was paused has no excuse.
  mutating func pauseIsForgotten(_ node: Int) {
    guard !self.isExcused(node), !self.nodes[node].kubelet.running.isEmpty else { return }
    for other in self.rivals(ofElection: node / self.manifests.count) where other != node {
      if !self.nodes[other].kubelet.running.isEmpty, !self.isExcused(other) {
        self.audit.fail(
          "\(self.nodes[other].name) and \(self.nodes[node].name), which was paused, both run the pod"
        )
        self.evidence.meet(other, node)
      }
    }
  }

  mutating func podIsGone(_ node: Int) {
    self.lastPods[node / self.manifests.count] = (gone: self.now, node: node)
  }

  /// Something reaches the store, which deals with all earlier requests first if they take time.
  mutating func queue(_ work: @escaping Happening) {
    guard self.store.isUp, self.scenario.requestTime > .zero else { return work(&self) }
    let slot = Int(self.now / 100_000_000)
    if self.result.load.count <= slot {
      self.result.load += Array(repeating: 0, count: slot + 1 - self.result.load.count)
    }
    self.result.load[slot] += 1
    self.storeIsBusyUntil =
      max(self.storeIsBusyUntil, self.now) + Nanoseconds(self.scenario.requestTime)
    self.atStore(self.storeIsBusyUntil, work)
  }

}
