import Elector
import EtcdClient

/// The kind of the simulated clusters and their faults. Each seed draws the rest.
public struct Scenario: Sendable {
  /// The store's API for the leases; `auto` for one of them, by chance. Many elections have v2.
  public var api = EtcdAPI.auto
  /// `nil` for two or three, by chance.
  public var masters: Int?
  /// The lease's time to live; `nil` for 3 to 30 seconds, by chance.
  public var ttlSeconds: Int64?
  /// `nil` for up to 6 seconds, by chance.
  public var sleep: Duration?
  /// The outer `nil` draws one; the inner `nil` is none.
  public var profile: Profile??
  /// Whether most electors have `--manifest-deadline`; `nil` for three seeds in ten, by chance.
  public var manifestDeadline: Bool?
  public var faults = SimulatedFault.Kind.allCases
  /// Faults begin within so many seconds of simulated time.
  public var windowSeconds: Int64 = 120
  /// Elections on the one store, each with nodes of its own.
  public var elections = 1
  /// The store's time for one request; it serves one after the other.
  public var requestTime: Duration = .zero
  /// Electors start within this time, the first one of each election first.
  public var startWithin: Duration = .milliseconds(50)
  /// Whether electors without a lease add jitter to their pauses.
  public var isJittered = true
  /// Whether watches work; else electors poll.
  public var tellsWatchers = true

  public init() {}
}
