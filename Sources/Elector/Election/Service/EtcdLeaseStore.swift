import EtcdClient
import Synchronization

/// The lock key in etcd, in either of its APIs, as the election sees it.
public final class EtcdLeaseStore: LeaseStore {
  private let key: any LeasedKey
  private let recordKey: String
  private let continuity = Mutex(StoreContinuity())

  /// - Parameters:
  ///   - name: the lock key's, `--key`; the record's follows from it.
  ///   - key: the lock in etcd.
  public init(key: any LeasedKey, name: String) {
    self.key = key
    self.recordKey = TermRecord.key(for: name)
  }

  public func perform(_ request: Election.Request.Kind) async -> Election.Answer {
    let latest = self.continuity.withLock { $0.latest }
    let outcome = await self.outcome(of: request)
    return self.continuity.withLock { $0.answer(outcome, to: request, sentAfter: latest) }
  }

  private func outcome(of request: Election.Request.Kind) async -> LeaseOutcome {
    do throws(EtcdClientError) {
      if let request = request.lease { return .lease(try await self.key.perform(request)) }
      guard case .writeRecord(let record, let prevIndex) = request else {
        return .record(try await self.key.sideValue(self.recordKey))
      }
      return .record(
        try await self.key.setSideValue(
          self.recordKey, to: record.json, if: prevIndex.map { .ifIndex($0) } ?? .ifAbsent))
    } catch {
      return .failure(error)
    }
  }

  public var timeStoodStill: Duration { self.key.timeStoodStill }

  public func nextChange(after index: UInt64) async throws -> KeyChange {
    try await self.key.nextChange(after: index)
  }
}

/// Where the lock key is kept, and beside it the record of its terms. An implementation never retries a
/// write, and answers every request within ``Timing/requestTimeout``.
public protocol LeaseStore: Sendable {
  /// Carries out one request.
  func perform(_ request: Election.Request.Kind) async -> Election.Answer
  /// Waits for a change of the key after an index of the store; ends when the task is cancelled.
  func nextChange(after index: UInt64) async throws -> KeyChange
  /// The time for which this machine stood still with its clocks, as far as the answers so far have shown.
  var timeStoodStill: Duration { get }
}

extension LeaseStore {
  public var timeStoodStill: Duration { .zero }
}
