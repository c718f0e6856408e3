import EtcdClient
import FoundationEssentials
import HTTPEndpoint
import Logging
import ServiceLifecycle
import Synchronization

/// A leader election for a server, with a lease in etcd or kvstore: of all processes with the same key at
/// most one leads.
///
///     let leadership = try Leadership(
///       name: "a", key: "my-service", endpoints: [EtcdEndpoint("http://127.0.0.1:2379")],
///       logger: logger)
///     // In a `ServiceGroup`, or as a task:
///     try await leadership.run()
///     // Elsewhere, at any time:
///     try await leadership.withLeadership { term in try await work(as: term) }
///
/// What it guarantees, and on which conditions:
/// - It cancels a body a third of the TTL before the lease ends, also when the store does not answer, and at
///   once when it loses the lease otherwise. A body then has that third, less a quarter of a second and a
///   four-thousandth of the TTL, to end before another process may lead. Announce a body that needs longer
///   with `grace`: other processes then wait for the rest.
/// - A body may ignore its cancellation. A graceful shutdown renews the lease until the last body has ended
///   and then releases it, so that the next leader need not wait. Without a shutdown the lease is lost, and
///   other processes wait only for `grace`.
/// - A stopped process (`SIGSTOP`, a suspended machine) cannot cancel a body. Protect what two leaders must
///   not do by fencing: pass on the term, which grows with each leader, and refuse a smaller one.
///
/// With `grace` zero and a TTL of one second or more, the next leader does not wait after the end of a
/// lease.
public final class Leadership: Service {
  /// The leader, as far as this process knows.
  public enum Change: Equatable, Sendable {
    /// This process leads; bodies run.
    case leading(term: UInt64)
    /// This process follows.
    /// - `leader`: the name of the last known leader; `nil` without one.
    case following(leader: String?)
  }

  private let stage = LeadershipStage()
  private let elect: @Sendable (LeadershipStage) async throws -> Void

  /// - Parameters:
  ///   - name: the holder that others see; different for each process.
  ///   - key: the lock key; a second key beside it holds the record of its terms.
  ///   - ttlSeconds: the TTL of the lease, which is renewed six times within it.
  ///   - grace: the time that a cancelled body may need to end.
  ///   - endpoints: of one store; when one does not answer, the next is tried.
  ///   - logger: the log.
  ///   - api: etcd's API.
  /// - Throws: ``TimingError`` for a TTL or a grace out of range.
  public convenience init(
    name: String, key: String, ttlSeconds: Int64 = 30, grace: Duration = .zero,
    endpoints: [EtcdEndpoint], api: EtcdAPI = .auto, logger: Logger
  ) throws(TimingError) {
    // Nothing is measured here: with several members their clocks are taken to be kept by NTP.
    let timing = try Self.timing(ttlSeconds: ttlSeconds, grace: grace)
      .counting(clockSkew: api == .v3 || endpoints.count < 2 ? .zero : MemberClocks.least)
    self.init(name: name, timing: timing, logger: logger) { run in
      let client = EtcdClient(
        endpoints: endpoints, timeout: timing.requestTimeout,
        attemptTimeout: timing.attemptTimeout, connectTimeout: timing.attemptTimeout,
        longestPause: timing.attemptTimeout / 2
      ) { notice in
        logger.log(level: notice.isWarning ? .warning : .info, "\(notice)")
      }
      try await client.run { client in
        let options = LeaseOptions(
          key: key, value: name, ttlSeconds: timing.ttlSeconds, timeout: timing.requestTimeout)
        try await run(
          EtcdLeaseStore(key: EtcdLeasedKey(client: client, api: api, options: options), name: key))
      }
    }
  }

  /// The same with any store: a client with certificates or a password, or another kind of store.
  /// - Parameters:
  ///   - store: answers within the `requestTimeout` of ``timing(ttlSeconds:grace:)``.
  ///   - logger: the log.
  ///   - name: this candidate's name, the value of the key.
  ///   - ttlSeconds: the lease's TTL.
  ///   - grace: how long the work may take to end.
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
    // Unique for each run: an earlier process of this name is another candidate.
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

  /// The timing of such a lease.
  /// - Throws: ``TimingError`` for a value out of range.
  public static func timing(
    ttlSeconds: Int64, grace: Duration = .zero
  ) throws(TimingError) -> Timing {
    try Timing(
      ttlSeconds: ttlSeconds, sleep: min(.seconds(5), .seconds(max(ttlSeconds, 1)) / 6),
      podStop: PodStop(detection: .zero, youngDetection: .zero, grace: max(grace, .zero)))
  }

  /// Takes part in the election until a graceful shutdown, or until its task is cancelled. Call it once.
  ///
  /// A graceful shutdown cancels the bodies, waits for their end and releases the lease. A cancelled task
  /// cancels the bodies, does not wait for them and lets the lease expire.
  public func run() async throws {
    defer { self.stage.end() }
    try await self.elect(self.stage)
  }

  /// The current state and each change after it, until ``run()`` ends. A slow reader gets only the latest
  /// 64.
  public var changes: AsyncStream<Change> { self.stage.changes }

  /// Waits until this process leads, also before ``run()`` is called, and runs `body` while it leads.
  ///
  /// When the leadership ends, the body is cancelled and this method waits for its end. No body of the next
  /// term starts before all bodies of earlier terms have ended. A body that returns does not end the
  /// leadership. Several bodies may run at a time.
  /// - Parameter body: gets the term, which is larger for each new leader.
  /// - Throws: the body's error; ``LeadershipError`` when the body throws after the end of the leadership,
  ///   and when ``run()`` has ended; `CancellationError` when cancelled during the wait.
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
        // `nil` comes at the end of the leadership, before the body's end.
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

/// Why ``Leadership/withLeadership(_:)`` has no result.
public enum LeadershipError: Error, Equatable, CustomStringConvertible {
  /// The leadership ended, and then the body threw.
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
