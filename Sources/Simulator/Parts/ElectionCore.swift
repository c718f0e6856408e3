import Elector
import KVStore

/// A core that can be simulated: ``Election``, and podmaster's algorithm in the tests.
package protocol ElectionCore: Sendable {
  init(_ setup: ElectionSetup)
  mutating func handle(_ event: Election.Event, at now: Instant) -> [Election.Effect]
  /// Until when the installed manifest may stay, for the guard; `nil` without one.
  var manifestEnd: Instant? { get }
  /// The store's operation for a request.
  static func operation(for request: Election.Request.Kind, of lock: Lock) -> StoreOperation
}

/// The parameters of an election.
package struct ElectionSetup: Sendable {
  package let candidate: Candidate
  package let timing: Timing
  package let asksKubelet: Bool
  package let podLimits: PodLimits
  /// From 0 to 0.2, as in ``Election``.
  package let jitter: Double
}

extension Election: ElectionCore {
  package init(_ setup: ElectionSetup) {
    self.init(
      candidate: setup.candidate, timing: setup.timing, asksKubelet: setup.asksKubelet,
      podLimits: setup.podLimits,
      jitter: setup.jitter)
  }

  package static func operation(
    for request: Election.Request.Kind, of lock: Lock
  ) -> StoreOperation {
    switch request {
    case .read: .read(lock.key)
    case .create: .write(.leased) { .create(lock.key, $0) }
    case .renew(let index): .write(.leased) { .compareAndSwap(lock.key, .init(index: index), $0) }
    case .release(let index):
      .write(.nothing) { _ in .compareAndDelete(lock.key, .init(index: index)) }
    case .readRecord: .read(lock.recordKey)
    case .writeRecord(let record, nil): .write(.text(record.json)) { .create(lock.recordKey, $0) }
    case .writeRecord(let record, let index?):
      .write(.text(record.json)) { .compareAndSwap(lock.recordKey, .init(index: index), $0) }
    }
  }
}

/// A request as the store receives it.
package enum StoreOperation: Sendable {
  case read(StorePath)
  /// The deadline counts from the arrival, on the store's clock.
  case write(Content, @Sendable (Command.NewNode) -> Command)

  package enum Content: Sendable {
    case nothing
    /// The holder's name with the lease's TTL.
    case leased
    case text(String)
  }
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
