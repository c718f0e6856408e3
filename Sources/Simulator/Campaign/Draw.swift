import Elector
import EtcdClient
import SeededRandom

/// The random choices of a seed: one cluster and its faults.
struct Draw: Sendable {
  /// Not `auto`.
  let api: EtcdAPI
  let ttlSeconds: Int64
  let sleep: Duration
  let detection: Nanoseconds
  /// The same for a young pod.
  let youngDetection: Nanoseconds
  let grace: Nanoseconds
  let timings: [Timing]
  /// `--start-deadline`.
  let podLimits: PodLimits
  let haveOneName: Bool
  /// By how much the store may end a lease early, as etcd's v2 API does when its members' clocks differ.
  let clockSkew: Nanoseconds
  /// For each master, whether a flag names its kubelet.
  let knowKubelets: [Bool]
  let window: Nanoseconds
  let faults: [SimulatedFault]

  /// - Parameter faults: replace the faults of the seed.
  init(_ scenario: Scenario, seed: UInt64, faults: [SimulatedFault]?) {
    var chance = SeededGenerator(seed: seed)
    var apiChance = SeededGenerator(seed: seed ^ 0xe7cd_0003)
    let drawnAPI = apiChance.hits(percent: 50) ? EtcdAPI.v3 : .v2
    self.api = scenario.elections > 1 ? .v2 : scenario.api == .auto ? drawnAPI : scenario.api
    self.ttlSeconds = scenario.ttlSeconds ?? chance.span(3...30)
    let longestSleep = min(6_000, self.ttlSeconds * 1_000)
    self.sleep = scenario.sleep ?? .milliseconds(chance.span(200...longestSleep))
    let detectionMilliseconds = chance.span(0...1_000)
    self.detection = .milliseconds(detectionMilliseconds)
    let graceSeconds = chance.span(2...8)
    self.grace = .seconds(graceSeconds)
    self.haveOneName = chance.hits(percent: 10)
    let masters = scenario.masters ?? 2 + chance.index(below: 2)
    // A second generator, so that other seeds stay as they are.
    var deadlineChance = SeededGenerator(seed: seed ^ 0xdead_11e5)
    let isDrawn = deadlineChance.hits(percent: 30)
    let haveDeadline = scenario.manifestDeadline ?? isDrawn
    var youth = SeededGenerator(seed: seed ^ 0x1070)
    self.youngDetection = self.detection + youth.span(0...3_000_000_000)
    let podStop = PodStop(
      detection: .milliseconds(detectionMilliseconds), youngDetection: self.youngDetection.duration,
      grace: .seconds(graceSeconds))
    var clockChance = SeededGenerator(seed: seed ^ 0xc10c_5ee4)
    let isSkewed = scenario.elections == 1 && self.api == .v2 && clockChance.hits(percent: 30)
    self.clockSkew = isSkewed ? clockChance.span(0...Nanoseconds.seconds(self.ttlSeconds) / 2) : 0
    var timings: [Timing] = []
    for _ in 0..<masters {
      let drawn: [Profile?] = [nil, nil, .strict]
      let profile = scenario.profile ?? drawn[chance.index(below: drawn.count)]
      let expires = haveDeadline && deadlineChance.hits(percent: 80)
      timings.append(
        Self.timing(
          ttlSeconds: self.ttlSeconds, sleep: self.sleep, profile, podStop, expires: expires
        ).counting(clockSkew: self.clockSkew.duration))
    }
    self.timings = timings
    self.knowKubelets = timings.map { _ in deadlineChance.hits(percent: 50) }
    // Long enough for a pod that waits for the end of its predecessor.
    self.podLimits =
      scenario.elections == 1 && deadlineChance.hits(percent: 20)
      ? PodLimits(startDeadline: (self.detection * 2 + self.grace * 2 + .seconds(1)).duration)
      : PodLimits()
    self.window = .seconds(scenario.windowSeconds)
    precondition(scenario.elections == 1 || scenario.faults.isEmpty || faults != nil)
    let kinds = scenario.faults.filter {
      $0 != .changeLeader && (haveDeadline || $0 != .killUnit)
    }
    var plan = SimulatedFault.plan(
      nodes: masters, window: self.window, kinds: kinds, with: &chance)
    if self.api == .v3, scenario.faults.contains(.changeLeader) {
      plan += SimulatedFault.plan(
        nodes: masters, window: self.window, kinds: [.changeLeader], most: 3, with: &apiChance)
    }
    self.faults = faults ?? plan.inOrder
  }

  /// Leaves out a deadline that does not fit the lease.
  private static func timing(
    ttlSeconds: Int64, sleep: Duration, _ profile: Profile?, _ podStop: PodStop, expires: Bool
  ) -> Timing {
    for expires in [expires, false] {
      if let timing = try? Timing(
        ttlSeconds: ttlSeconds, sleep: sleep, profile: profile, podStop: podStop,
        manifestExpires: expires)
      {
        return timing
      }
    }
    preconditionFailure("a lease of \(ttlSeconds) s, a sleep of \(sleep)")
  }

  /// The longest allowed time from the end of all trouble until a pod runs: the TTL of a lost lease, its
  /// lock-delay, a second, and the kubelet's time to notice and to start.
  var bound: Nanoseconds {
    // Before a manifest with a deadline, an elector waits for its own earlier pod.
    let delays = self.timings.map {
      $0.manifestExpires ? max($0.lockDelay, $0.podTime()) : $0.lockDelay
    }
    let delay = delays.max() ?? .zero
    var bound = Nanoseconds(.seconds(self.ttlSeconds) + delay + .seconds(1))
    bound += self.detection + .milliseconds(20)
    // A watch may have been cut silently, and v3 does not tell a reader how long the lease lasts.
    if self.api == .v3 { bound += Nanoseconds(self.sleep * 1.2) }
    // An elector that could not install its manifest, or whose pod does not run, leaves the lock to others,
    // for longer each time.
    let mayStandBack =
      self.podLimits != PodLimits()
      || self.faults.contains {
        [.refusedFiles, .lostSource, .hungDisk, .readOnlyDisk].contains($0.kind)
      }
    if mayStandBack { bound += Nanoseconds(self.sleep * 10) }
    return bound
  }
}

/// The random choices of a simulation.
extension SeededGenerator {
  /// A second generator, so that the draws of one part do not shift those of another.
  mutating func split() -> SeededGenerator { SeededGenerator(seed: self.next()) }

  /// `true` with this probability.
  mutating func hits(percent: Int) -> Bool { Int(self.next() % 100) < percent }

  /// A span of time, in nanoseconds.
  mutating func span(_ range: ClosedRange<Nanoseconds>) -> Nanoseconds {
    range.lowerBound
      + Nanoseconds(self.next() % UInt64(range.upperBound - range.lowerBound + 1))
  }

  mutating func index(below count: Int) -> Int { Int(self.next() % UInt64(count)) }

  /// Half of the time the limit itself, the worst case; else any shorter span.
  mutating func upTo(_ limit: Nanoseconds) -> Nanoseconds {
    self.hits(percent: 50) ? limit : self.span(0...limit)
  }
}
