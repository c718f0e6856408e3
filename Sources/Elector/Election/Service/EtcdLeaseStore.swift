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
      switch request {
      case .read: return .lease(try await self.key.read())
      case .create: return .lease(try await self.key.create())
      case .renew(let index): return .lease(try await self.key.renew(ifIndex: index))
      case .release(let index): return .lease(try await self.key.release(ifIndex: index))
      case .readRecord: return .record(try await self.key.sideValue(self.recordKey))
      case .writeRecord(let record, let prevIndex):
        return .record(
          try await self.key.setSideValue(
            self.recordKey, to: record.json, if: prevIndex.map { .ifIndex($0) } ?? .ifAbsent))
      }
    } catch {
      return .failure(error)
    }
  }

  public func nextChange(after index: UInt64) async throws -> KeyChange {
    try await self.key.nextChange(after: index)
  }
}
