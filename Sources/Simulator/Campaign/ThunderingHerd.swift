import Elector

/// Many elections on one store, all hit by one fault at once. Each has two nodes, and the first one leads.
public struct ThunderingHerd: Sendable {
  public enum Blow: Sendable {
    /// The machines of all leaders lose power.
    case leadersDie
    /// The store is killed and comes back after two seconds.
    case storeRestarts
  }

  public var elections: Int
  public var ttlSeconds: Int64 = 30
  public var sleep: Duration = .seconds(5)
  /// The store's time for one request; it serves one after the other.
  public var requestTime: Duration
  /// The leaders start within this time, and their renewals stay so far apart.
  public var startWithin: Duration = .seconds(5)
  public var isJittered = true
  /// Whether watches work; else followers poll.
  public var tellsWatchers = true
  public var blow = Blow.leadersDie

  public init(elections: Int, requestTime: Duration) {
    self.elections = elections
    self.requestTime = requestTime
  }

  /// The result of a run.
  public struct Report: Sendable {
    /// From the end of a pod to the start of the next one, in seconds, sorted.
    public let takeovers: [Double]
    /// Requests in each tenth of a second.
    public let load: [Int]
    /// The tenth of a second of the blow.
    public let blow: Int
    /// Leases that their holders could not renew in time.
    public let losses: Int
    /// The rule that was broken, an election without a pod in time included.
    public let violation: String?

    /// Requests per second before the blow.
    public var usualLoad: Double {
      let quiet = self.load[..<self.blow].suffix(200)
      return quiet.isEmpty ? 0 : Double(quiet.reduce(0, +)) * 10 / Double(quiet.count)
    }

    /// The most requests in a tenth of a second, in the minute after the blow: later the dead nodes return.
    public var peak: Int { self.load[self.blow...].prefix(600).max() ?? 0 }

    /// A percentile of the takeovers in seconds; `nil` without any.
    public func takeover(percent: Int) -> Double? {
      guard !self.takeovers.isEmpty else { return nil }
      return self.takeovers[min(self.takeovers.count - 1, self.takeovers.count * percent / 100)]
    }
  }

  /// Every run gives the same report.
  /// - Parameter progress: called now and then with the share of the simulated time that has passed.
  public func run(progress: (Double) -> Void = { _ in }) -> Report {
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
    // By then all have started, and renewed several times.
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
    simulation.run(progress: progress)
    let result = simulation.result
    return Report(
      takeovers: result.takeovers.map { Double($0) / 1e9 }.sorted(), load: result.load,
      blow: Int(begin / 100_000_000), losses: result.losses, violation: result.violation)
  }
}
