import EtcdClient
import Synchronization

/// Where the lock key is kept. An implementation never retries a write, and answers every request
/// within ``Timing/requestTimeout``.
public protocol LeaseStore: Sendable {
  /// Carries out one request.
  func perform(_ request: Election.Request.Kind) async -> Election.Answer
  /// Waits for a change of the key after an index of the store; ends when the task is cancelled.
  func nextChange(after index: UInt64) async -> Election.Change
}

/// The lock key in etcd, in either of its APIs, as the election sees it.
public final class EtcdLeaseStore: LeaseStore {
  private let key: any LeasedKey
  private let continuity = Mutex(StoreContinuity())

  public init(key: any LeasedKey) {
    self.key = key
  }

  public func perform(_ request: Election.Request.Kind) async -> Election.Answer {
    let latest = self.continuity.withLock { $0.latest }
    do throws(EtcdClientError) {
      let answer =
        switch request {
        case .read: try await self.key.read()
        case .create: try await self.key.create()
        case .renew(let index): try await self.key.renew(ifIndex: index)
        case .release(let index): try await self.key.release(ifIndex: index)
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
    case (.continues, _), (.wentBack, .read), (_, .create): break
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
