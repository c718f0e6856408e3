import Elector
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
  /// The store's operation for a request.
  static func operation(for request: Election.Request.Kind, of lock: Lock) -> StoreOperation
}

extension ElectionCore {
  package mutating func expectNoPod() {}
  package var podHasEnded: Bool { false }
}

extension Election: ElectionCore {
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
}

/// The lock's keys and one candidate's value.
package struct Lock: Sendable {
  package let key: StorePath
  package let recordKey: StorePath
  package let holder: String
  package let ttlSeconds: Int64

  init(name: String, holder: String, ttlSeconds: Int64) {
    self.key = StorePath(name)
    self.recordKey = StorePath(TermRecord.key(for: name))
    self.holder = holder
    self.ttlSeconds = ttlSeconds
  }
}
