import EtcdClient
import Synchronization

/// Where the lock key is kept, and beside it the record of its terms. An implementation never retries a
/// write, and answers every request within ``Timing/requestTimeout``.
public protocol LeaseStore: Sendable {
  /// Carries out one request.
  func perform(_ request: Election.Request.Kind) async -> Election.Answer
  /// Waits for a change of the key after an index of the store; ends when the task is cancelled.
  func nextChange(after index: UInt64) async -> Election.Change
}

/// The lock key in etcd, in either of its APIs, as the election sees it.
public final class EtcdLeaseStore: LeaseStore {
  private let key: any LeasedKey
  private let recordKey: String
  private let answers = Mutex(LeaseAnswers())

  /// - Parameter name: the lock key's, `--key`; the record's follows from it.
  public init(key: any LeasedKey, name: String) {
    self.key = key
    self.recordKey = TermRecord.key(for: name)
  }

  public func perform(_ request: Election.Request.Kind) async -> Election.Answer {
    let latest = self.answers.withLock { $0.latest }
    do throws(EtcdClientError) {
      let answer: LeaseAnswer
      switch request {
      case .read: answer = try await self.key.read()
      case .create: answer = try await self.key.create()
      case .renew(let index): answer = try await self.key.renew(ifIndex: index)
      case .release(let index): answer = try await self.key.release(ifIndex: index)
      case .readRecord:
        let answer = try await self.key.sideValue(self.recordKey)
        return self.answers.withLock { $0.take(answer, sentAfter: latest) }
      case .writeRecord(let record, let prevIndex):
        let answer = try await self.key.setSideValue(
          self.recordKey, to: record.json, if: prevIndex.map { .ifIndex($0) } ?? .ifAbsent)
        return self.answers.withLock { $0.take(answer, sentAfter: latest) }
      }
      return self.answers.withLock { $0.take(answer, to: request, sentAfter: latest) }
    } catch {
      return error.isOutcomeUnknown
        ? .unanswered(reason: error.description) : .failed(reason: error.description)
    }
  }

  public func nextChange(after index: UInt64) async -> Election.Change {
    do throws(EtcdClientError) {
      switch try await self.key.nextChange(after: index) {
      case .written(let holder): return .written(Holder(holder))
      case .removed(let index): return .removed(index: index)
      case .historyCleared: return .historyCleared
      }
    } catch {
      return .broken(reason: error.description)
    }
  }
}
