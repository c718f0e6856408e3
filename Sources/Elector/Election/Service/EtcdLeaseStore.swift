import EtcdClient
import Synchronization

/// The lock key in etcd, in either of its APIs, as the election sees it.
public final class EtcdLeaseStore: LeaseStore {
  private let key: any LeasedKey
  private let recordKey: String
  private let continuity = Mutex(StoreContinuity())

  /// - Parameter name: the lock key's, `--key`; the record's follows from it.
  public init(key: any LeasedKey, name: String) {
    self.key = key
    self.recordKey = TermRecord.key(for: name)
  }

  public func perform(_ request: Election.Request.Kind) async -> Election.Answer {
    let latest = self.continuity.withLock { $0.latest }
    do throws(EtcdClientError) {
      let answer: LeaseAnswer
      switch request {
      case .read: answer = try await self.key.read()
      case .create: answer = try await self.key.create()
      case .renew(let index): answer = try await self.key.renew(ifIndex: index)
      case .release(let index): answer = try await self.key.release(ifIndex: index)
      case .readRecord:
        let answer = try await self.key.sideValue(self.recordKey)
        return self.continuity.withLock { $0.answer(answer, sentAfter: latest) }
      case .writeRecord(let record, let prevIndex):
        let answer = try await self.key.setSideValue(
          self.recordKey, to: record.json, if: prevIndex.map { .ifIndex($0) } ?? .ifAbsent)
        return self.continuity.withLock { $0.answer(answer, sentAfter: latest) }
      }
      return self.continuity.withLock { $0.answer(answer, to: request, sentAfter: latest) }
    } catch {
      return error.isOutcomeUnknown
        ? .unanswered(reason: error.description) : .failed(reason: error.description)
    }
  }

  public func nextChange(after index: UInt64) async throws -> KeyChange {
    try await self.key.nextChange(after: index)
  }
}
