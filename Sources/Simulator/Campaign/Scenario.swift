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
  public var faults = SimulatedFault.Kind.allCases
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
