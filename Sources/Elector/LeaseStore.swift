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
        return self.recordAnswer(try await self.key.sideValue(self.recordKey), sentAfter: latest)
      case .writeRecord(let record, let prevIndex):
        return self.recordAnswer(
          try await self.key.setSideValue(
            self.recordKey, to: record.json, if: prevIndex.map { .ifIndex($0) } ?? .ifAbsent),
          sentAfter: latest)
      }
      let verdict = self.continuity.withLock {
        $0.observe(answer.position, sentAfter: latest)
      }
      return Election.Answer(answer, to: request, verdict)
    } catch {
      return error.isOutcomeUnknown
        ? .unanswered(reason: error.description) : .failed(reason: error.description)
    }
  }

  /// That the store is another one only the lock key may tell, since the lease goes with it; until then
  /// its record says nothing.
  private func recordAnswer(
    _ answer: SideAnswer, sentAfter sent: StorePosition?
  ) -> Election.Answer {
    let continues = self.continuity.withLock { continuity in
      var observed = continuity
      guard observed.observe(answer.position, sentAfter: sent) == .continues else { return false }
      continuity = observed
      return true
    }
    guard continues else { return .unanswered(reason: "the store is not the one it was") }
    switch answer.fact {
    case .absent: return .recordAbsent
    case .found(let value, let modifiedIndex):
      return .recordFound(TermRecord(json: value), modifiedIndex: modifiedIndex)
    case .written(let modifiedIndex): return .recordWritten(modifiedIndex: modifiedIndex)
    case .conditionFailed: return .changed
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

extension Election.Answer {
  /// Another store, or an older copy of the one we know, has nothing to say about a lease that we hold:
  /// to the election there is no such key there, at an index before all that it has seen.
  init(
    _ answer: LeaseAnswer, to request: Election.Request.Kind, _ verdict: StoreContinuity.Verdict
  ) {
    let index = answer.position.index
    switch (verdict, request) {
    case (.replaced, .read), (.replaced, .renew), (.replaced, .release):
      self = .absent(index: 0)
      return
    case (.wentBack, .renew), (.wentBack, .release):
      self = .absent(index: index)
      return
    case (.continues, _), (.wentBack, .read), (_, .create),
      (_, .readRecord), (_, .writeRecord):
      break
    }
    switch answer.fact {
    case .absent: self = .absent(index: index)
    case .held(let holder): self = .found(Holder(holder), index: index)
    case .granted(let token, let modifiedIndex):
      self = .granted(term: token, modifiedIndex: modifiedIndex)
    case .released: self = .released(index: index)
    case .exists: self = .exists
    case .changed: self = .changed
    }
  }
}

extension Holder {
  fileprivate init(_ holder: KeyHolder) {
    self.init(name: holder.value, term: holder.token, modifiedIndex: holder.modifiedIndex)
  }
}
