import Elector
import Stories

/// Many seeds of one scenario.
public struct Campaign: Sendable {
  public var scenario: Scenario
  /// The first seed, and how many there are.
  public var firstSeed: UInt64
  public var seeds: UInt64

  public init(_ scenario: Scenario, from firstSeed: UInt64, seeds: UInt64) {
    self.scenario = scenario
    self.firstSeed = firstSeed
    self.seeds = seeds
  }

  /// The result of all seeds.
  public struct Summary: Sendable {
    public internal(set) var runs: UInt64 = 0
    /// The sum of all runs.
    public internal(set) var simulated: Nanoseconds = 0
    public internal(set) var steps = 0
    public internal(set) var terms = 0
    public internal(set) var pods = 0
    /// Pods that their kubelet ended by itself.
    public internal(set) var expiries = 0
    /// Pods beside one that was out of every elector's hand.
    public internal(set) var excused = 0
    public internal(set) var faults: [SimulatedFault.Kind: Int] = [:]
    /// The times without a pod before a pod ran on another node, in thousandths of the TTL.
    public internal(set) var takeovers: [Int] = []
    public internal(set) var violations: [Violation] = []

    public init() {}

    /// The result of one seed.
    init(_ result: RunResult, seed: UInt64, ttlSeconds: Int64) {
      self.runs = 1
      (self.simulated, self.steps) = (result.simulated, result.steps)
      (self.terms, self.pods, self.expiries) = (result.terms, result.pods, result.expiries)
      (self.faults, self.excused) = (result.faults, result.excused)
      self.takeovers = result.takeovers.map { Int($0 / (ttlSeconds * 1_000_000)) }
      self.violations = result.violation.map { [Violation(seed: seed, text: $0)] } ?? []
    }

    /// Adds the result of other seeds.
    package mutating func add(_ other: Summary) {
      self.runs += other.runs
      self.simulated += other.simulated
      self.steps += other.steps
      self.terms += other.terms
      self.pods += other.pods
      self.expiries += other.expiries
      self.excused += other.excused
      self.faults.merge(other.faults, uniquingKeysWith: +)
      self.takeovers += other.takeovers
      self.violations += other.violations
    }

    /// A percentile of the takeovers, in lengths of a lease; `nil` without any.
    public func takeover(percent: Int) -> Double? {
      guard !self.takeovers.isEmpty else { return nil }
      let sorted = self.takeovers.sorted()
      return Double(sorted[min(sorted.count - 1, sorted.count * percent / 100)]) / 1000
    }
  }

  /// A seed that breaks a rule.
  public struct Violation: Sendable {
    public let seed: UInt64
    public let text: String
  }

  /// Runs the seeds one after the other, up to the first violation.
  /// - Parameter progress: called after each seed; returns whether to go on.
  public func run(progress: (Summary) -> Bool = { _ in true }) -> Summary {
    self.run(of: Election.self, progress: progress)
  }

  /// The same for another core.
  package func run<Core: ElectionCore>(
    of core: Core.Type, progress: (Summary) -> Bool = { _ in true }
  ) -> Summary {
    var summary = Summary()
    for seed in self.firstSeed..<(self.firstSeed + self.seeds) {
      var simulation = Simulation<Core>(self.scenario, seed: seed)
      simulation.run()
      summary.add(
        Summary(simulation.result, seed: seed, ttlSeconds: simulation.draw.ttlSeconds))
      guard summary.violations.isEmpty, progress(summary) else { break }
    }
    return summary
  }

  /// A seed's run, with no more faults than its violation needs.
  public func story(of seed: UInt64) -> Telling { self.story(of: seed, by: Election.self) }

  /// The same for another core.
  package func story<Core: ElectionCore>(of seed: UInt64, by core: Core.Type) -> Telling {
    func play(_ faults: [SimulatedFault]?, tells: Bool) -> Simulation<Core> {
      var simulation = Simulation<Core>(self.scenario, seed: seed, faults: faults, tells: tells)
      simulation.run()
      return simulation
    }
    let whole = play(nil, tells: false)
    var faults = whole.faults
    let all = faults.count
    if whole.result.violation != nil {
      // Leaves out one fault after the other, as long as the violation stays.
      var hasShrunk = true
      while hasShrunk {
        hasShrunk = false
        for index in faults.indices.reversed() {
          var fewer = faults
          fewer.remove(at: index)
          if play(fewer, tells: false).result.violation != nil {
            faults = fewer
            hasShrunk = true
          }
        }
      }
    }
    let told = play(faults, tells: true)
    var story = told.story
    if all > faults.count {
      story.facts.append(
        "This seed has \(all) faults. Only those that are needed to break the rule are in the run: "
          + "\(all - faults.count) are left out.")
    }
    return Telling(story: story, violation: told.result.violation, faults: faults)
  }

  /// A seed's run, for a reader.
  public struct Telling: Sendable {
    public let story: Story
    /// `nil` for a good run.
    public let violation: String?
    public let faults: [SimulatedFault]
  }
}

/// The result of a run.
public struct RunResult: Sendable {
  /// The rule that was broken; `nil` for a good run.
  public internal(set) var violation: String?
  /// The length of the run in simulated time.
  public internal(set) var simulated: Nanoseconds = 0
  public internal(set) var steps = 0
  /// Leases won, and pods started.
  public internal(set) var terms = 0
  public internal(set) var pods = 0
  /// Pods that their kubelet ended by itself, `--manifest-deadline`.
  public internal(set) var expiries = 0
  /// The times without a pod before a pod ran on another node.
  public internal(set) var takeovers: [Nanoseconds] = []
  public internal(set) var faults: [SimulatedFault.Kind: Int] = [:]
  /// Leases that were not renewed in time.
  public internal(set) var losses = 0
  /// Pods that began while another one ran that was out of every elector's hand: its kubelet was dead, or had
  /// been restarted without its API server.
  public internal(set) var excused = 0
  /// Requests in each tenth of a second, if requests take time.
  public internal(set) var load: [Int] = []
}
