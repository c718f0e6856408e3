import Elector

/// Many elections on one store, to which something happens all at once; two masters each, of which the
/// first ones lead.
public struct ThunderingHerd: Sendable {
  public enum Blow: Sendable {
    /// All leaders' machines lose their power.
    case leadersDie
    /// The store is killed and comes back after two seconds.
    case storeRestarts
  }

  public var elections: Int
  public var ttlSeconds: Int64 = 30
  public var sleep: Duration = .seconds(5)
  /// What the store needs for one request, one after the other.
  public var requestTime: Duration
  /// Within which time the leaders start: so far apart their renewals stay.
  public var startWithin: Duration = .seconds(5)
  public var isJittered = true
  /// Whether the store tells followers of changes; else they have to look.
  public var tellsWatchers = true
  public var blow = Blow.leadersDie

  public init(elections: Int, requestTime: Duration) {
    self.elections = elections
    self.requestTime = requestTime
  }

  /// What was seen.
  public struct Report: Sendable {
    /// From the end of a pod until its election's other master runs one, in seconds, in order.
    public let takeovers: [Double]
    /// How many requests came to the store in each tenth of a second.
    public let load: [Int]
    /// In which tenth the blow falls.
    public let blow: Int
    /// Leases that their holders gave up because they could not renew them.
    public let losses: Int
    /// What must never be and was; all elections without a pod in time are such a thing, too.
    public let violation: String?

    /// Requests in a second when nothing happens.
    public var usualLoad: Double {
      let quiet = self.load[..<self.blow].suffix(200)
      return quiet.isEmpty ? 0 : Double(quiet.reduce(0, +)) * 10 / Double(quiet.count)
    }

    /// The most requests that came in a tenth of a second, in the minute from the blow on: later those come
    /// back who had died.
    public var peak: Int { self.load[self.blow...].prefix(600).max() ?? 0 }

    /// The takeover that so many percent are not longer than, in seconds; `nil` without any.
    public func takeover(percent: Int) -> Double? {
      guard !self.takeovers.isEmpty else { return nil }
      return self.takeovers[min(self.takeovers.count - 1, self.takeovers.count * percent / 100)]
    }
  }

  /// The same each time.
  public func run() -> Report {
    var scenario = Scenario()
    scenario.masters = 2
    scenario.ttlSeconds = self.ttlSeconds
    scenario.sleep = self.sleep
    scenario.profile = .some(nil)
    scenario.manifestDeadline = false
    scenario.elections = self.elections
    scenario.requestTime = self.requestTime
    scenario.startWithin = self.startWithin
    scenario.isJittered = self.isJittered
    scenario.tellsWatchers = self.tellsWatchers
    // All have started, and renewed some times.
    let start = self.startWithin * 2 + .seconds(1) + self.sleep * 5
    let begin = Nanoseconds(max(start, .seconds(60)))
    var faults: [SimulatedFault] = []
    switch self.blow {
    case .leadersDie:
      let end = begin + Nanoseconds.seconds(4 * self.ttlSeconds)
      for election in 0..<self.elections {
        faults.append(
          SimulatedFault(kind: .nodePower, begin: begin, end: end, node: election * 2, seed: 0))
      }
    case .storeRestarts:
      let end = begin + Nanoseconds.seconds(2)
      faults.append(SimulatedFault(kind: .killStore, begin: begin, end: end, node: 0, seed: 0))
    }
    var simulation = Simulation<Election>(scenario, seed: 1, faults: faults)
    simulation.run()
    let result = simulation.result
    return Report(
      takeovers: result.takeovers.map { Double($0) / 1e9 }.sorted(), load: result.load,
      blow: Int(begin / 100_000_000), losses: result.losses, violation: result.violation)
  }
}
