import Elector
import EtcdClient
import KVStore

/// A core that can be simulated: ``Election``, and podmaster's algorithm in the tests.
package protocol ElectionCore: Sendable {
  /// - Parameter jitter: from 0 to 0.2, as in ``Election``.
  init(
    candidate: Candidate, timing: Timing, asksKubelet: Bool, podLimits: PodLimits, jitter: Double)
  /// As ``Election/expectNoPod()``.
  mutating func expectNoPod()
  /// As ``Election/podHasEnded``.
  var podHasEnded: Bool { get }
  mutating func handle(_ event: Election.Event, at now: Instant) -> [Election.Effect]
  /// Whether it believes in its lease of this term.
  func believes(inTerm term: UInt64, at now: Instant) -> Bool
  /// The store's operation for a request, in v2.
  static func operation(for request: Election.Request.Kind, of lock: Lock) -> StoreOperation
}

extension ElectionCore {
  package mutating func expectNoPod() {}
  package var podHasEnded: Bool { false }
  package func believes(inTerm term: UInt64, at now: Instant) -> Bool { false }
}

extension Election: ElectionCore {
  package func believes(inTerm term: UInt64, at now: Instant) -> Bool {
    self.leads(at: now) && self.lease?.term == term
  }

  package static func operation(
    for request: Election.Request.Kind, of lock: Lock
  ) -> StoreOperation {
    switch request {
    case .read: .read(lock.key)
    case .create: .write { .create(lock.key, $0) }
    case .renew(let index): .write { .compareAndSwap(lock.key, .init(index: index), $0) }
    case .release(let index): .write { _ in .compareAndDelete(lock.key, .init(index: index)) }
    case .readRecord: .read(lock.recordKey)
    case .writeRecord(let record, let index):
      .write { _ in
        let node = Command.NewNode(value: Array(record.json.utf8))
        return index.map { .compareAndSwap(lock.recordKey, .init(index: $0), node) }
          ?? .create(lock.recordKey, node)
      }
    }
  }
}

/// A request as the store receives it.
package enum StoreOperation: Sendable {
  case read(StorePath)
  /// - Parameter lease: the holder's name with the lease's TTL, which counts from the arrival on the
  ///   store's clock.
  case write(@Sendable (_ lease: Command.NewNode) -> Command)
  /// v3's, of which a request may take several.
  case call(GatewayCall)
}

/// The lock's keys and one candidate's value. The keys have the same names in v2 and v3.
package struct Lock: Sendable {
  package let name: String
  package let key: StorePath
  package let recordKey: StorePath
  package let holder: String
  package let ttlSeconds: Int64

  init(name: String, holder: String, ttlSeconds: Int64) {
    self.name = name
    self.key = StorePath(name)
    self.recordKey = StorePath(TermRecord.key(for: name))
    self.holder = holder
    self.ttlSeconds = ttlSeconds
  }

  /// What a request is to a client of v3, as in ``EtcdLeaseStore``.
  func request(for kind: Election.Request.Kind) -> V3LeaseCalls.Request {
    if let request = kind.lease { return .lease(request) }
    let recordKey = TermRecord.key(for: self.name)
    guard case .writeRecord(let record, let index) = kind else { return .sideValue(recordKey) }
    return .setSideValue(recordKey, to: record.json, if: index.map { .ifIndex($0) } ?? .ifAbsent)
  }

  func options(timeout: Duration) -> LeaseOptions {
    LeaseOptions(
      key: self.name, value: self.holder, ttlSeconds: self.ttlSeconds, timeout: timeout)
  }
}
