import EtcdClient

/// Where the lock key is kept, and beside it the record of its terms. An implementation never retries a write, and answers every request
/// within ``Timing/requestTimeout``.
public protocol LeaseStore: Sendable {
  /// Carries out one request.
  func perform(_ request: Election.Request.Kind) async -> Election.Answer
  /// Waits for a change of the key after an index of the store; ends when the task is cancelled.
  func nextChange(after index: UInt64) async -> Election.Change
}

/// The lock key in etcd's v2 key space: at its root, with the holder's name as its plain value, as
/// podmaster has it.
public struct EtcdLeaseStore: LeaseStore {
  private let client: EtcdClient
  private let key: String
  private let name: String
  private let timing: Timing
  private var recordKey: String { TermRecord.key(for: self.key) }

  /// - Parameters:
  ///   - client: to be shut down by the caller, later.
  ///   - key: `--key`; it becomes `/v2/keys/<key>`.
  ///   - name: what the key is to hold.
  public init(client: EtcdClient, key: String, name: String, timing: Timing) {
    self.client = client
    self.key = key
    self.name = name
    self.timing = timing
  }

  public func perform(_ request: Election.Request.Kind) async -> Election.Answer {
    let timeout = self.timing.requestTimeout
    do {
      switch request {
      case .read:
        let response = try await self.client.get(self.key, quorum: true, timeout: timeout)
        if response.node.dir { return .failed(reason: "the key \(self.key) is a directory") }
        return .found(Holder(response.node), index: response.etcdIndex)
      case .create:
        let node = try await self.client.put(
          self.key, value: self.name, ttlSeconds: self.timing.ttlSeconds, prevExist: false,
          timeout: timeout
        ).node
        return .granted(term: node.createdIndex, modifiedIndex: node.modifiedIndex)
      case .renew(let prevIndex):
        let node = try await self.client.put(
          self.key, value: self.name, ttlSeconds: self.timing.ttlSeconds, prevIndex: prevIndex,
          timeout: timeout
        ).node
        return .granted(term: node.createdIndex, modifiedIndex: node.modifiedIndex)
      case .release(let prevIndex):
        let node = try await self.client.delete(self.key, prevIndex: prevIndex, timeout: timeout)
          .node
        return .released(index: node.modifiedIndex)
      case .readRecord:
        let node = try await self.client.get(self.recordKey, quorum: true, timeout: timeout).node
        return .recordFound(
          TermRecord(json: node.value ?? ""), modifiedIndex: node.modifiedIndex)
      case .writeRecord(let record, let prevIndex):
        let node = try await self.client.put(
          self.recordKey, value: record.json, prevExist: prevIndex == nil ? false : nil,
          prevIndex: prevIndex, timeout: timeout
        ).node
        return .recordWritten(modifiedIndex: node.modifiedIndex)
      }
    } catch {
      switch error {
      case .refused(let refusal):
        switch (request, refusal.errorCode) {
        case (.create, EtcdError.nodeExists): return .exists
        case (.read, EtcdError.keyNotFound), (.renew, EtcdError.keyNotFound),
          (.release, EtcdError.keyNotFound):
          return .absent(index: refusal.index)
        case (.renew, EtcdError.compareFailed), (.release, EtcdError.compareFailed),
          (.writeRecord, EtcdError.compareFailed), (.writeRecord, EtcdError.nodeExists),
          (.writeRecord, EtcdError.keyNotFound):
          return .changed
        case (.readRecord, EtcdError.keyNotFound): return .recordAbsent
        default: return .failed(reason: error.description)
        }
      case .unreachable: return .failed(reason: error.description)
      case .unanswered, .malformed: return .unanswered(reason: error.description)
      }
    }
  }

  public func nextChange(after index: UInt64) async -> Election.Change {
    do {
      let response = try await self.client.watch(self.key, waitIndex: index + 1)
      switch response.action {
      case "delete", "compareAndDelete", "expire":
        return .removed(index: response.node.modifiedIndex)
      default: return .written(Holder(response.node))
      }
    } catch {
      return error.errorCode == EtcdError.eventIndexCleared
        ? .historyCleared : .broken(reason: error.description)
    }
  }
}

extension Holder {
  fileprivate init(_ node: Node) {
    self.init(
      name: node.value ?? "", term: node.createdIndex, modifiedIndex: node.modifiedIndex)
  }
}
