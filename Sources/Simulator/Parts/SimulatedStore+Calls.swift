import EtcdClient
import FoundationEssentials
import KVStore

/// The calls of v3, between the client's messages and the store's requests.
extension SimulatedStore {
  /// etcd's leader that is cut off from the others and does not know that they have elected another one. It cannot write,
  /// but it keeps leases alive, which its successor does not learn.
  struct DeposedLeader: Sendable {
    let raftTerm: UInt64
    let until: Nanoseconds
    private var leases: [Int64: (ttl: Int64, deadline: Nanoseconds)] = [:]

    init(_ revisions: RevisionTree, raftTerm: UInt64, at now: Nanoseconds, until: Nanoseconds) {
      self.raftTerm = raftTerm
      self.until = until
      for id in revisions.leaseIDs {
        guard let ttl = revisions.leases[id]?.ttl else { continue }
        self.leases[id] = (ttl, now + .seconds(ttl))
      }
    }

    /// - Returns: `nil` when it has no answer.
    mutating func keepAlive(_ id: Int64, at now: Nanoseconds) -> GatewayReply? {
      guard now < self.until, let (ttl, deadline) = self.leases[id], now < deadline else {
        return nil
      }
      self.leases[id] = (ttl, now + .seconds(ttl))
      return .keptAlive(ttlSeconds: ttl, raftTerm: self.raftTerm)
    }
  }

  private var header: Gateway.Header {
    Gateway.Header(
      revision: UInt64(self.publishedRevisions.revision), raftTerm: self.raftTerm)
  }

  /// A read does not wait for the writer.
  func read(_ request: Gateway.RangeRequest) -> (found: KeyValue?, GatewayReply) {
    let found = try? self.publishedRevisions.range(RangeRequest(Self.range(request))).pairs.first
    return (
      found, .range(Gateway.RangeReply(self.header, found.map { [Gateway.KeyValue($0)] } ?? []))
    )
  }

  /// Queues a call that the writer carries out.
  mutating func accept(_ arrival: Arrival, _ call: GatewayCall) {
    let command: RevisionCommand
    switch call {
    case .range(let request): preconditionFailure("a read does not wait: \(request)")
    case .txn(let request, _): command = .txn(Self.txn(request))
    case .grant(let lease, let ttlSeconds): command = .grant(id: lease, ttl: ttlSeconds)
    case .keepAlive(let lease): command = .keepAlive(lease)
    case .revoke(let lease): command = .revoke(lease)
    }
    self.inbox.append(Waiting(order: .revisionCommand(command), arrival: arrival))
  }

  /// The writer's result as the client reads it, as in `EtcdGateway`.
  mutating func reply(
    to call: GatewayCall, _ result: Result<RevisionOutcome, RevisionError>
  ) -> Result<GatewayReply, EtcdClientError> {
    switch result {
    case .failure(let error):
      let refusal = EtcdGatewayError(code: error.code.rawValue, message: error.text)
      if let reply = call.reply(for: refusal) { return .success(reply) }
      return .failure(refusal.clientError(from: Self.endpoint))
    case .success(let outcome):
      let header = Gateway.Header(revision: UInt64(outcome.revision), raftTerm: self.raftTerm)
      switch outcome.answer {
      case .txn(let answer):
        let ranges = answer.parts.compactMap { part in
          if case .range(let range, _) = part {
            range.pairs.map { Gateway.KeyValue($0) }
          } else {
            nil
          }
        }
        return .success(
          .txn(Gateway.TxnReply(header, succeeded: answer.hasSucceeded, ranges: ranges)))
      case .granted(let lease, let ttlSeconds):
        self.granted(lease)
        return .success(.granted(ttlSeconds: ttlSeconds))
      case .keptAlive(let ttlSeconds):
        return .success(.keptAlive(ttlSeconds: ttlSeconds, raftTerm: self.raftTerm))
      case .revoked: return .success(.revoked)
      case .put, .delete, .compacted: preconditionFailure("not a call of a client: \(outcome)")
      }
    }
  }

  // MARK: Messages

  private static func range(_ request: Gateway.RangeRequest) -> KeyRange {
    KeyRange(RevisionKey(request.key), end: RevisionKey([]))
  }

  private static func txn(_ request: Gateway.TxnRequest) -> TxnRequest {
    var txn = TxnRequest()
    txn.comparisons = request.compare.map { compare in
      var comparison = TxnCompare(KeyRange(RevisionKey(compare.key), end: RevisionKey([])))
      switch (compare.target, compare.create_revision, compare.mod_revision) {
      case ("CREATE", let revision?, nil): comparison.target = .create(Int64(revision.value))
      case ("MOD", nil, let revision?): comparison.target = .mod(Int64(revision.value))
      default: preconditionFailure("no client compares so: \(compare)")
      }
      precondition(compare.result == "EQUAL")
      return comparison
    }
    txn.success = request.success.map(Self.operation)
    txn.failure = request.failure.map(Self.operation)
    return txn
  }

  private static func operation(_ operation: Gateway.TxnRequest.Operation) -> TxnRequest.Operation {
    if let request = operation.request_range { return .range(RangeRequest(Self.range(request))) }
    if let request = operation.request_delete_range {
      return .delete(DeleteRequest(Self.range(request)))
    }
    guard let request = operation.request_put else { return .empty }
    var put = PutRequest(RevisionKey(request.key), value: Array(request.value))
    put.lease = request.lease?.value ?? 0
    return .put(put)
  }
}

extension Gateway.KeyValue {
  fileprivate init(_ pair: KeyValue) {
    self.init(
      value: Data(pair.value), createRevision: UInt64(pair.createRevision),
      modRevision: UInt64(pair.modRevision), lease: pair.lease)
  }
}

extension RevisionEvent {
  /// A watcher's reading of it, as in ``V3LeasedKey``.
  var change: KeyChange {
    Gateway.WatchReply.Event(
      isDeletion: self.pair == nil,
      self.pair.map { Gateway.KeyValue($0) }
        ?? Gateway.KeyValue(modRevision: UInt64(self.revision.main))
    ).change
  }
}
