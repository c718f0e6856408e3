import EtcdClient
import FoundationEssentials
import HTTPEndpoint
import Logging
import ServiceLifecycle
import Synchronization

/// A server that leads while it holds a lease in an etcd or a kvstore: of all processes with the same
/// key at most one.
///
///     let leadership = try Leadership(
///       name: "a", key: "my-service", endpoints: [EtcdEndpoint("http://127.0.0.1:2379")],
///       logger: logger)
///     // In a `ServiceGroup`, or as a task:
///     try await leadership.run()
///     // Elsewhere, at any time:
///     try await leadership.withLeadership { term in try await work(as: term) }
///
/// What it promises, and what it takes for that:
/// - A body is cancelled a third of the lease's time to live before the lease ends, also when the store
///   does not answer; and at once when the lease is lost otherwise. The third, less a quarter of a
///   second and a four-thousandth of the lease, is what a body has to end before another process may
///   lead. One that needs longer is to be announced (`grace`): others then wait for the rest of it.
/// - A body that ignores that it was cancelled runs on, and is waited for: a graceful shutdown keeps the
///   lease, renewed, until the last body has ended, and only then gives it away, so that the next leader
///   need not wait at all. Without a shutdown the lease is lost, and others go by `grace` alone.
/// - A process that stands still (`SIGSTOP`, a suspended machine) cannot cancel anything. What must not
///   be done by two is to be protected where it is done: by the term, which only grows.
///
/// There is no kubelet here that has to notice anything, so nothing is reckoned with for that: with
/// `grace` zero, and a lease of one second or more, nobody waits after the end of a lease.
public final class Leadership: Service {
  /// Who leads, as far as this process knows.
  public enum Change: Equatable, Sendable {
    /// This process does; bodies run.
    case leading(term: UInt64)
    /// It does not.
    /// - `leader`: the name of the one who was seen to lead last; `nil` when that is not known.
    case following(leader: String?)
  }

  private let stage = LeadershipStage()
  private let elect: @Sendable (LeadershipStage) async throws -> Void

  /// - Parameters:
  ///   - name: what others see; each process needs one of its own.
  ///   - key: the lock key's; a second one beside it keeps the record of its terms.
  ///   - ttlSeconds: how long the lease is valid without a renewal. It is renewed six times as often.
  ///   - grace: what a body may take to end after it was cancelled.
  ///   - endpoints: of one store; each that is asked in vain is followed by the next.
  /// - Throws: ``TimingError``, when the time to live or the grace is no sensible one.
  public convenience init(
    name: String, key: String, ttlSeconds: Int64 = 30, grace: Duration = .zero,
    endpoints: [EtcdEndpoint], api: EtcdAPI = .auto, logger: Logger
  ) throws(TimingError) {
    let timing = try Self.timing(ttlSeconds: ttlSeconds, grace: grace)
    self.init(name: name, timing: timing, logger: logger) { run in
      let client = EtcdClient(
        endpoints: endpoints, timeout: timing.requestTimeout,
        attemptTimeout: timing.attemptTimeout, connectTimeout: timing.attemptTimeout,
        longestPause: timing.attemptTimeout / 2
      ) { notice in
        logger.log(level: notice.isWarning ? .warning : .info, "\(notice)")
      }
      try await client.run { client in
        let terms = LeaseTerms(
          key: key, value: name, ttlSeconds: timing.ttlSeconds, timeout: timing.requestTimeout)
        try await run(
          EtcdLeaseStore(key: EtcdLeasedKey(client: client, api: api, terms: terms), name: key))
      }
    }
  }

  /// The same with any store: a client with certificates or a password, or no etcd at all.
  /// - Parameter store: what it does must end within the `requestTimeout` of ``timing(ttlSeconds:grace:)``.
  public convenience init(
    name: String, ttlSeconds: Int64 = 30, grace: Duration = .zero, store: any LeaseStore,
    logger: Logger
  ) throws(TimingError) {
    let timing = try Self.timing(ttlSeconds: ttlSeconds, grace: grace)
    self.init(name: name, timing: timing, logger: logger) { run in try await run(store) }
  }

  private init(
    name: String, timing: Timing, logger: Logger,
    withStore:
      @escaping @Sendable (_ run: @Sendable (any LeaseStore) async throws -> Void)
      async throws -> Void
  ) {
    // A leadership of its own each time: what an earlier process of this name left behind is not ours.
    let candidate = Candidate(name: name, bootID: UUID().uuidString)
    self.elect = { stage in
      try await withStore { store in
        try await ElectionService(
          candidate: candidate, timing: timing, store: store, destination: stage, logger: logger
        ) { report in
          if case .following(let leader) = report { stage.follows(leader) }
        }.run()
      }
    }
  }

  /// How long things take with such a lease.
  /// - Throws: ``TimingError`` that names what is not sensible.
  public static func timing(
    ttlSeconds: Int64, grace: Duration = .zero
  ) throws(TimingError) -> Timing {
    try Timing(
      ttlSeconds: ttlSeconds, sleep: min(.seconds(5), .seconds(max(ttlSeconds, 1)) / 6),
      podStop: PodStop(detection: .zero, grace: max(grace, .zero)))
  }

  /// Takes part in the election until a graceful shutdown, or until it is cancelled; once.
  ///
  /// On a graceful shutdown the bodies are cancelled, their end is awaited, and the lease is given away.
  /// A cancelled task cancels the bodies, does not wait for them and leaves the lease to expire.
  public func run() async throws {
    defer { self.stage.end() }
    try await self.elect(self.stage)
  }

  /// Who leads: what is known now, and each change from here on; it ends when ``run()`` does. One who
  /// reads slowly misses all but the latest 64.
  public var changes: AsyncStream<Change> { self.stage.changes }

  /// Waits until this process leads, also when ``run()`` is yet to be called, and runs `body` for as
  /// long as that is so.
  ///
  /// The body is cancelled when the leadership ends, and this method waits for it to end; in a next
  /// term no body starts before all of the earlier terms have ended. A body that ends by itself leaves
  /// the leadership as it is. Several may run at a time.
  /// - Parameter body: gets the term, which is larger for each new leader.
  /// - Throws: what the body throws; ``LeadershipError`` when it throws because the leadership has
  ///   ended, and when ``run()`` has ended; `CancellationError` when cancelled while waiting.
  public func withLeadership<Value: Sendable>(
    _ body: @escaping @Sendable (_ term: UInt64) async throws -> Value
  ) async throws -> Value {
    let (untilEnd, end) = AsyncStream.makeStream(of: Never.self)
    guard let (id, term) = await self.stage.next({ $0.admit(end) }) else {
      try Task.checkCancellation()
      throw LeadershipError.notRunning
    }
    defer { self.stage.leave(id) }
    do {
      return try await withThrowingTaskGroup(of: Result<Value, any Error>?.self) { group in
        group.addTask { .success(try await body(term)) }
        group.addTask {
          for await _ in untilEnd {}
          return nil
        }
        // `nil` comes when the leadership has ended; then the body is still to be waited for.
        while let result = try await group.next() {
          group.cancelAll()
          if let result { return try result.get() }
        }
        throw CancellationError()
      }
    } catch {
      throw self.stage.isCancelled(id) && !Task.isCancelled
        ? LeadershipError.lost(term: term) : error
    }
  }
}

/// Why ``Leadership/withLeadership(_:)`` brought no result.
public enum LeadershipError: Error, Equatable, CustomStringConvertible {
  /// The leadership ended, and the body with an error.
  case lost(term: UInt64)
  /// ``Leadership/run()`` has ended.
  case notRunning

  public var description: String {
    switch self {
    case .lost(let term): "the leadership of term \(term) ended, and the work with it"
    case .notRunning: "this process no longer takes part in the election: its service has ended"
    }
  }
}
