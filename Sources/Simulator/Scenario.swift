import Elector

/// What kind of cluster is simulated, and what may happen to it; the rest is left to each seed.
public struct Scenario: Sendable {
  /// `nil` for two or three, by chance.
  public var masters: Int?
  /// The lease's time to live; `nil` for 3 to 30 seconds, by chance.
  public var ttlSeconds: Int64?
  /// `nil` for up to 6 seconds, by chance.
  public var sleep: Duration?
  /// `nil` inside for none, outside for any of them, by chance.
  public var profile: Profile??
  /// Whether the electors have `--manifest-deadline`, most of them; `nil` for three seeds in ten, by chance.
  public var manifestDeadline: Bool?
  public var faults = Fault.Kind.allCases
  /// For how long faults begin, in seconds of simulated time.
  public var windowSeconds: Int64 = 120
  /// How many elections there are on the one store, each with masters of its own.
  public var elections = 1
  /// What the store needs for one request, all of them one after the other; nothing by default.
  public var requestTime: Duration = .zero
  /// Within which time electors start: first the first one of each election.
  public var startWithin: Duration = .milliseconds(50)
  /// Whether the pauses of those without a lease are drawn out by chance, as they are.
  public var isJittered = true
  /// Whether the store tells of changes; else everybody has to look.
  public var tellsWatchers = true

  public init() {}
}

/// One cluster, drawn from a seed.
struct Draw: Sendable {
  let ttlSeconds: Int64
  let sleep: Duration
  let detection: Nanoseconds
  let grace: Nanoseconds
  let timings: [Timing]
  let haveOneName: Bool
  let window: Nanoseconds
  let faults: [Fault]

  /// - Parameter faults: instead of those that the seed gives.
  init(_ scenario: Scenario, seed: UInt64, faults: [Fault]?) {
    var chance = Chance(seed: seed)
    self.ttlSeconds = scenario.ttlSeconds ?? chance.span(3...30)
    let longestSleep = min(6_000, self.ttlSeconds * 1_000)
    self.sleep = scenario.sleep ?? .milliseconds(chance.span(200...longestSleep))
    let detectionMilliseconds = chance.span(0...1_000)
    self.detection = .milliseconds(detectionMilliseconds)
    let graceSeconds = chance.span(2...8)
    self.grace = .seconds(graceSeconds)
    self.haveOneName = chance.hits(percent: 10)
    let masters = scenario.masters ?? 2 + chance.index(below: 2)
    // Of its own, so that the other seeds are what they are without it.
    var deadlineChance = Chance(seed: seed ^ 0xdead_11e5)
    let isDrawn = deadlineChance.hits(percent: 30)
    let haveDeadline = scenario.manifestDeadline ?? isDrawn
    let podStop = PodStop(
      detection: .milliseconds(detectionMilliseconds), grace: .seconds(graceSeconds))
    var timings: [Timing] = []
    for _ in 0..<masters {
      let drawn: [Profile?] = [nil, nil, .strict]
      let profile = scenario.profile ?? drawn[chance.index(below: drawn.count)]
      let expires = haveDeadline && deadlineChance.hits(percent: 80)
      timings.append(
        Self.timing(
          ttlSeconds: self.ttlSeconds, sleep: self.sleep, profile, podStop, expires: expires))
    }
    self.timings = timings
    self.window = .seconds(scenario.windowSeconds)
    precondition(scenario.elections == 1 || scenario.faults.isEmpty || faults != nil)
    let kinds = scenario.faults.filter { haveDeadline || $0 != .killUnit }
    let plan = Fault.plan(nodes: masters, window: self.window, kinds: kinds, with: &chance)
    self.faults = faults ?? plan
  }

  /// A deadline that does not fit such a lease is left out.
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

  /// From the end of the last trouble until a pod must run at the latest: the lease of whoever was lost
  /// ends, its pod surely has, a second, and what the kubelet needs to notice and to start.
  var bound: Nanoseconds {
    // One whose manifest expires waits for an earlier pod of its own before it installs.
    let delays = self.timings.map {
      $0.manifestExpires ? max($0.lockDelay, $0.podTime) : $0.lockDelay
    }
    let delay = delays.max() ?? .zero
    var bound = Nanoseconds(.seconds(self.ttlSeconds) + delay + .seconds(1))
    bound += self.detection + .milliseconds(20)
    // One that could not write its manifest leaves the lock to others, for longer each time.
    if self.faults.contains(where: { $0.kind == .refusedFiles }) {
      bound += Nanoseconds(self.sleep * 10)
    }
    return bound
  }
}
