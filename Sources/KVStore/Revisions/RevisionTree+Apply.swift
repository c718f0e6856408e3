/// Carries out requests as the writer gets them.
extension RevisionTree {
  /// In seconds. Source: etcd with its default election timeout.
  package static let shortestTTL: Int64 = 2

  /// - Parameter random: where a lease is to be given an id, the id comes from this.
  package mutating func apply(
    _ command: RevisionCommand, now: StoreTime, random: UInt64 = 0
  ) throws(RevisionError) -> RevisionOutcome {
    let answer: RevisionOutcome.Answer
    switch command {
    case .put(let request): answer = .put(previous: try self.put(request))
    case .delete(let request):
      let (previous, count) = try self.delete(request)
      answer = .delete(count: count, previous: previous)
    // How many operations there may be is the services' affair.
    case .txn(let request): answer = .txn(try self.txn(request, mostOperations: .max))
    case .compact(let revision):
      try self.compact(revision)
      answer = .compacted
    case .grant(let wanted, let ttl):
      let id = wanted == 0 ? self.freeLeaseID(random) : wanted
      answer = .granted(
        id: id, ttl: try self.grant(id: id, ttl: ttl, shortest: Self.shortestTTL, now: now))
    case .revoke(let id):
      try self.revoke(id)
      answer = .revoked
    case .keepAlive(let id): answer = .keptAlive(ttl: self.keepAlive(id, now: now))
    }
    return RevisionOutcome(answer: answer, revision: self.revision)
  }
}

extension RevisionCommand {
  /// What it holds in memory, roughly.
  var byteCount: Int {
    switch self {
    case .put(let request): request.byteCount
    case .delete(let request): request.range.byteCount
    case .txn(let request): request.byteCount
    case .compact, .grant, .revoke, .keepAlive: 64
    }
  }

  /// Whether the id of a lease is to be chosen.
  var wantsLeaseID: Bool { if case .grant(0, _) = self { true } else { false } }
}

extension PutRequest {
  fileprivate var byteCount: Int { 64 + self.key.bytes.count + self.value.count }
}

extension KeyRange {
  fileprivate var byteCount: Int {
    if case .before(let end) = self.end {
      64 + self.start.bytes.count + end.bytes.count
    } else {
      64 + self.start.bytes.count
    }
  }
}

extension TxnRequest {
  fileprivate var byteCount: Int {
    var count = 64
    for comparison in self.comparisons {
      count += comparison.range.byteCount
      if case .value(let value) = comparison.target { count += value.count }
    }
    for operation in self.success + self.failure {
      switch operation {
      case .range(let request): count += request.range.byteCount
      case .put(let request): count += request.byteCount
      case .delete(let request): count += request.range.byteCount
      case .txn(let request): count += request.byteCount
      case .empty: break
      }
    }
    return count
  }
}
