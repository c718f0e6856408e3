import FoundationEssentials

/// A request about a leased key in etcd's v3 API, as a value: which calls it takes, one after the other, and what
/// their replies mean. The client and a simulation run it.
///
/// A creation grants a lease and then, in one transaction, creates the key if it does not exist. A renewal
/// keeps the lease alive and then checks that the key has not changed, since a lease outlives its key. A
/// release deletes the key if it has not changed, and revokes the lease.
///
/// What always holds:
/// 1. Both halves of a renewal happen in one Raft term of etcd: a deposed leader that does not know it yet keeps
///    leases alive that its successor lets expire.
/// 2. When the answer to a creation is lost, the key may or may not exist. Its lease is revoked before the next
///    read or creation; after that the key does not exist, and never will.
/// 3. No write is repeated when its outcome is unknown.
package struct V3LeaseCalls: Sendable {
  package enum Request: Equatable, Sendable {
    case lease(LeaseRequest)
    /// Reads a side key.
    case sideValue(String)
    case setSideValue(String, to: String, if: SideCondition)
  }

  /// What follows.
  package enum Step: Sendable {
    /// To be answered by ``V3LeaseCalls/received(_:from:_:)``.
    case call(GatewayCall)
    case answer(LeaseAnswer)
    case sideAnswer(SideAnswer)
    case failed(EtcdClientError)
  }

  /// What a process knows from one request to the next.
  package struct Memory: Sendable {
    /// The lease of the key that we created last.
    fileprivate var lease: (id: Int64, index: UInt64)?
    /// Leases whose keys we do not know.
    package fileprivate(set) var abandoned: [Int64] = []

    package init() {}
  }

  private enum State: Sendable {
    /// A lease is revoked whose key we do not know. To the next one of them, and then to what the request is for; to
    /// that at once when etcd does not answer.
    case revoking(Int64, then: Purpose)
    case reading
    /// To `creating`.
    case granting(Int64)
    /// To `revoking`, if the key exists.
    case creating(Int64)
    /// An earlier process of ours may have made the key. To `keepingAlive`.
    case findingLease
    /// To `looking`.
    case keepingAlive(Int64)
    /// Once more to `keepingAlive`, when etcd's leader has changed.
    case looking(Int64, keptFor: Int64?, inTerm: UInt64?)
    /// To `revoking`.
    case deleting
    case readingSideKey
    case writingSideKey
  }

  private enum Purpose: Sendable {
    case read
    case create
    case answer(LeaseAnswer)
  }

  private let request: Request
  private let options: LeaseOptions
  private let newLease: Int64
  private let key: Data
  private var state = State.reading
  /// How often a renewal may still be tried.
  private var renewals = 2

  /// - Parameter newLease: the ID of the lease that a creation grants, above 0 and used by nobody else.
  package init(_ request: Request, options: LeaseOptions, newLease: Int64) {
    self.request = request
    self.options = options
    self.newLease = newLease
    self.key = Self.bytes(options.key)
  }

  /// The same name as the path in the v2 API.
  package static func bytes(_ key: String) -> Data {
    Data(key.split(separator: "/").map { "/" + $0 }.joined().utf8)
  }

  /// The first step.
  package mutating func begin(_ memory: inout Memory) -> Step {
    switch self.request {
    case .lease(.read): return self.revoke(&memory, then: .read)
    case .lease(.create): return self.revoke(&memory, then: .create)
    case .lease(.renew(let index)):
      if let known = memory.lease, known.index == index { return self.keepAlive(known.id) }
      self.state = .findingLease
      return .call(self.look(ifIndex: index))
    case .lease(.release(let index)):
      self.state = .deleting
      return self.txn(
        [self.unchanged(since: index)], .init(request_delete_range: .init(key: self.key)),
        else: .init(request_range: .init(key: self.key)))
    case .sideValue(let key):
      self.state = .readingSideKey
      return .call(.range(Gateway.RangeRequest(key: Self.bytes(key))))
    case .setSideValue(let key, let value, let condition):
      self.state = .writingSideKey
      let key = Self.bytes(key)
      let compare: [Gateway.TxnRequest.Compare] =
        switch condition {
        case .always: []
        case .ifAbsent: [.init(key: key, target: "CREATE", create_revision: Quoted(0))]
        case .ifIndex(let index): [.init(key: key, target: "MOD", mod_revision: Quoted(index))]
        }
      return self.txn(compare, .init(request_put: .init(key: key, value: Data(value.utf8))))
    }
  }

  /// Takes in the reply to the call of the step before.
  /// - Parameter endpoint: where it came from, as far as is known.
  package mutating func received(
    _ reply: Result<GatewayReply, EtcdClientError>, from endpoint: EtcdEndpoint,
    _ memory: inout Memory
  ) -> Step {
    switch (self.state, reply) {
    case (.revoking(let lease, let purpose), .success):
      memory.abandoned.removeAll { $0 == lease }
      return self.revoke(&memory, then: purpose)
    // It stays for the next time.
    case (.revoking(_, let purpose), .failure): return self.pursue(purpose, &memory)
    case (_, .failure(let error)): return .failed(error)
    case (.reading, .success(.range(let reply))):
      return .answer(
        LeaseAnswer(
          reply.kvs?.first.map { key in
            .held(key.holder, remaining: (key.lease?.value ?? 0) == 0 ? .endless : .unknown)
          } ?? .absent, at: reply.header.position))
    case (.granting(let lease), .success(.granted(let ttlSeconds))):
      return self.granted(lease, ttlSeconds, from: endpoint)
    case (.creating(let lease), .success(.txn(let reply))):
      return self.created(lease, reply, &memory)
    case (.findingLease, .success(.txn(let reply))): return self.foundLease(reply, &memory)
    case (.keepingAlive(let lease), .success(.keptAlive(let ttlSeconds, let term))):
      guard case .lease(.renew(let index)) = self.request else { break }
      self.state = .looking(lease, keptFor: ttlSeconds, inTerm: term)
      return .call(self.look(ifIndex: index))
    case (.looking(let lease, let ttlSeconds, let term), .success(.txn(let reply))):
      return self.looked(lease, reply, keptFor: ttlSeconds, inTerm: term, from: endpoint)
    case (.deleting, .success(.txn(let reply))): return self.deleted(reply, &memory)
    case (.readingSideKey, .success(.range(let reply))):
      return .sideAnswer(
        SideAnswer(
          (reply.kvs?.first?.holder).map {
            .found(value: $0.name, modifiedIndex: $0.modifiedIndex)
          } ?? .absent, at: reply.header.position))
    case (.writingSideKey, .success(.txn(let reply))):
      let position = reply.header.position
      return .sideAnswer(
        SideAnswer(
          reply.succeeded == true ? .written(modifiedIndex: position.index) : .conditionFailed,
          at: position))
    case (_, .success): break
    }
    return .failed(.malformed(endpoint: endpoint, reason: "it answers something else"))
  }

  // MARK: Leases whose keys we do not know

  private mutating func revoke(_ memory: inout Memory, then purpose: Purpose) -> Step {
    guard let lease = memory.abandoned.first else { return self.pursue(purpose, &memory) }
    self.state = .revoking(lease, then: purpose)
    return .call(.revoke(lease))
  }

  private mutating func pursue(_ purpose: Purpose, _ memory: inout Memory) -> Step {
    switch purpose {
    case .read:
      self.state = .reading
      return .call(.range(Gateway.RangeRequest(key: self.key)))
    case .create:
      self.state = .granting(self.newLease)
      // Until it surely holds our key: a caller that waits for the answer may give up at any time.
      memory.abandoned.append(self.newLease)
      return .call(.grant(lease: self.newLease, ttlSeconds: self.options.ttlSeconds))
    case .answer(let answer): return .answer(answer)
    }
  }

  // MARK: Creating

  private mutating func granted(
    _ lease: Int64, _ ttlSeconds: Int64, from endpoint: EtcdEndpoint
  ) -> Step {
    guard ttlSeconds >= self.options.ttlSeconds else {
      return .failed(
        .malformed(
          endpoint: endpoint,
          reason: "it granted \(ttlSeconds) s instead of \(self.options.ttlSeconds) s"))
    }
    self.state = .creating(lease)
    return self.txn(
      [.init(key: self.key, target: "CREATE", create_revision: Quoted(0))],
      .init(
        request_put: .init(
          key: self.key, value: Data(self.options.value.utf8), lease: Quoted(lease))),
      else: .init(request_range: .init(key: self.key)))
  }

  private mutating func created(
    _ lease: Int64, _ reply: Gateway.TxnReply, _ memory: inout Memory
  ) -> Step {
    let position = reply.header.position
    guard reply.succeeded == true else {
      return self.revoke(&memory, then: .answer(LeaseAnswer(.exists, at: position)))
    }
    memory.abandoned.removeAll { $0 == lease }
    memory.lease = (lease, position.index)
    return .answer(
      LeaseAnswer(
        .granted(term: position.index, modifiedIndex: position.index), at: position))
  }

  // MARK: Renewing

  private mutating func keepAlive(_ lease: Int64) -> Step {
    self.renewals -= 1
    self.state = .keepingAlive(lease)
    return .call(.keepAlive(lease))
  }

  private mutating func foundLease(_ reply: Gateway.TxnReply, _ memory: inout Memory) -> Step {
    let position = reply.header.position
    guard let key = reply.found else { return .answer(LeaseAnswer(.absent, at: position)) }
    guard case .lease(.renew(let index)) = self.request, reply.succeeded == true,
      key.holder.name == self.options.value, let lease = key.lease?.value
    else { return .answer(LeaseAnswer(.changed, at: position)) }
    memory.lease = (lease, index)
    return self.keepAlive(lease)
  }

  private mutating func looked(
    _ lease: Int64, _ reply: Gateway.TxnReply, keptFor ttlSeconds: Int64?, inTerm term: UInt64?,
    from endpoint: EtcdEndpoint
  ) -> Step {
    let position = reply.header.position
    guard let key = reply.found else { return .answer(LeaseAnswer(.absent, at: position)) }
    guard reply.succeeded == true, key.lease?.value == lease else {
      return .answer(LeaseAnswer(.changed, at: position))
    }
    guard let ttlSeconds, ttlSeconds >= self.options.ttlSeconds else {
      return .failed(
        .unanswered(
          endpoint: endpoint, reason: "the lease has expired, and its key is about to"))
    }
    if let term, term == reply.header.raft_term?.value {
      let holder = key.holder
      return .answer(
        LeaseAnswer(
          .granted(term: holder.term, modifiedIndex: holder.modifiedIndex), at: position))
    }
    // Once more after a change of etcd's leader between the two halves.
    if self.renewals > 0 { return self.keepAlive(lease) }
    return .failed(
      .unanswered(
        endpoint: endpoint, reason: "etcd's leader has changed during the renewal"))
  }

  // MARK: Releasing

  private mutating func deleted(_ reply: Gateway.TxnReply, _ memory: inout Memory) -> Step {
    let position = reply.header.position
    guard reply.succeeded == true else {
      return .answer(LeaseAnswer(reply.found == nil ? .absent : .changed, at: position))
    }
    if let lease = memory.lease { memory.abandoned.append(lease.id) }
    memory.lease = nil
    return self.revoke(&memory, then: .answer(LeaseAnswer(.released, at: position)))
  }

  // MARK: Calls

  private func unchanged(since index: UInt64) -> Gateway.TxnRequest.Compare {
    .init(key: self.key, target: "MOD", mod_revision: Quoted(index))
  }

  /// Reads the key from the majority, and whether it has changed since an index.
  private func look(ifIndex: UInt64) -> GatewayCall {
    // On both branches: without a read the member would answer from its own copy.
    let read = Gateway.TxnRequest.Operation(request_range: .init(key: self.key))
    return .txn(
      Gateway.TxnRequest(
        compare: [self.unchanged(since: ifIndex)], success: [read], failure: [read]),
      isRepeatable: true)
  }

  private func txn(
    _ compare: [Gateway.TxnRequest.Compare], _ success: Gateway.TxnRequest.Operation,
    else failure: Gateway.TxnRequest.Operation? = nil
  ) -> Step {
    .call(
      .txn(
        Gateway.TxnRequest(
          compare: compare, success: [success], failure: failure.map { [$0] } ?? []),
        isRepeatable: false))
  }
}
