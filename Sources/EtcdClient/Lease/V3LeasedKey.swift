import FoundationEssentials
import Synchronization

/// A leased key in etcd's v3 API: `/<key>` with a plain value, attached to an etcd lease.
///
/// A creation grants a lease and then, in one transaction, creates the key if it does not exist. A renewal
/// keeps the lease alive and then checks that the key has not changed, since a lease outlives its key. A
/// release deletes the key if it has not changed, and revokes the lease.
///
/// Both halves of a renewal must happen in one Raft term of etcd: a deposed leader that does not know it
/// yet keeps leases alive that its successor lets expire.
///
/// When an answer is lost, the key may or may not exist. Its lease is revoked before the next request;
/// after that the key does not exist, and never will.
package final class V3LeasedKey: LeasedKey {
  private let gateway: EtcdGateway
  private let options: LeaseOptions
  private let key: Data
  private let state = Mutex(State())

  private struct State {
    /// The lease of the key that we created last.
    var lease: (id: Int64, index: UInt64)?
    /// Leases whose keys we do not know.
    var abandoned: Set<Int64> = []
    var hasReportedTTL = false
  }

  /// - Parameter only: the one endpoint that is asked; `nil` for any.
  init(client: EtcdClient, options: LeaseOptions, only: EtcdEndpoint? = nil) {
    self.gateway = EtcdGateway(client: client, only: only)
    self.options = options
    self.key = Self.bytes(options.key)
  }

  /// The same name as the path in the v2 API.
  static func bytes(_ key: String) -> Data {
    Data(key.split(separator: "/").map { "/" + $0 }.joined().utf8)
  }

  private var deadline: Deadline { .now + self.options.timeout }

  package func perform(_ request: LeaseRequest) async throws(EtcdClientError) -> LeaseAnswer {
    let deadline = self.deadline
    return switch request {
    case .read: try await self.read(until: deadline)
    case .create: try await self.create(until: deadline)
    case .renew(let index): try await self.renew(ifIndex: index, until: deadline)
    case .release(let index): try await self.release(ifIndex: index, until: deadline)
    }
  }

  private typealias Deadline = ContinuousClock.Instant

  private func read(until deadline: Deadline) async throws(EtcdClientError) -> LeaseAnswer {
    await self.revokeAbandonedLeases(until: deadline)
    let reply = try await self.gateway.range(self.key, until: deadline)
    return LeaseAnswer(
      reply.kvs?.first.map { key in
        .held(key.holder, remaining: (key.lease?.value ?? 0) == 0 ? .endless : .unknown)
      } ?? .absent, at: reply.header.position)
  }

  /// Reads the key, and what is left of its lease.
  func readWithRest() async throws(EtcdClientError) -> LeaseAnswer {
    let deadline = self.deadline
    let reply = try await self.gateway.range(self.key, until: deadline)
    guard let key = reply.kvs?.first else { return LeaseAnswer(.absent, at: reply.header.position) }
    var rest = LeaseRest.endless
    if let lease = key.lease?.value, lease != 0 {
      // A lease that has just ended takes its key with it.
      rest = .seconds(try await self.gateway.timeToLive(of: lease, until: deadline) ?? 0)
    }
    return LeaseAnswer(.held(key.holder, remaining: rest), at: reply.header.position)
  }

  private func create(until deadline: Deadline) async throws(EtcdClientError) -> LeaseAnswer {
    await self.revokeAbandonedLeases(until: deadline)
    let lease = Int64.random(in: 1...Int64.max)
    // Until it surely holds our key: this task may be cancelled at any time.
    self.state.withLock { _ = $0.abandoned.insert(lease) }
    let granted = try await self.gateway.grantLease(
      lease, ttlSeconds: self.options.ttlSeconds, until: deadline)
    guard granted >= self.options.ttlSeconds else {
      throw .malformed(
        endpoint: self.gateway.client.transport.preferred,
        reason: "it granted \(granted) s instead of \(self.options.ttlSeconds) s")
    }
    self.report(ttl: granted)
    let reply = try await self.gateway.txn(
      Gateway.TxnRequest(
        compare: [.init(key: self.key, target: "CREATE", create_revision: Quoted(0))],
        success: [
          .init(
            request_put: .init(
              key: self.key, value: Data(self.options.value.utf8), lease: Quoted(lease)))
        ], failure: [.init(request_range: .init(key: self.key))]),
      isRepeatable: false, until: deadline)
    let position = reply.header.position
    guard reply.succeeded == true else {
      await self.revokeAbandonedLeases(until: deadline)
      return LeaseAnswer(.exists, at: position)
    }
    self.state.withLock {
      $0.abandoned.remove(lease)
      $0.lease = (lease, position.index)
    }
    return LeaseAnswer(
      .granted(term: position.index, modifiedIndex: position.index), at: position)
  }

  private func renew(
    ifIndex: UInt64, until deadline: Deadline
  ) async throws(EtcdClientError) -> LeaseAnswer {
    let lease: Int64
    if let known = self.state.withLock({ $0.lease }), known.index == ifIndex {
      lease = known.id
    } else {
      // An earlier process of ours may have made it.
      let reply = try await self.look(ifIndex: ifIndex, until: deadline)
      guard let key = reply.found else { return LeaseAnswer(.absent, at: reply.header.position) }
      guard reply.succeeded == true, key.holder.name == self.options.value,
        let found = key.lease?.value
      else { return LeaseAnswer(.changed, at: reply.header.position) }
      self.state.withLock { $0.lease = (found, ifIndex) }
      lease = found
    }
    // Once more after a change of etcd's leader between the two halves.
    for _ in 0..<2 {
      let kept = try await self.gateway.keepAlive(lease, until: deadline)
      let reply = try await self.look(ifIndex: ifIndex, until: deadline)
      guard let key = reply.found else { return LeaseAnswer(.absent, at: reply.header.position) }
      guard reply.succeeded == true, key.lease?.value == lease else {
        return LeaseAnswer(.changed, at: reply.header.position)
      }
      guard let ttl = kept.ttlSeconds, ttl >= self.options.ttlSeconds else {
        throw .unanswered(
          endpoint: self.gateway.client.transport.preferred,
          reason: "the lease has expired, and its key is about to")
      }
      if let term = kept.raftTerm, term == reply.header.raft_term?.value {
        let holder = key.holder
        return LeaseAnswer(
          .granted(term: holder.term, modifiedIndex: holder.modifiedIndex),
          at: reply.header.position)
      }
    }
    throw .unanswered(
      endpoint: self.gateway.client.transport.preferred,
      reason: "etcd's leader has changed during the renewal")
  }

  private func release(
    ifIndex: UInt64, until deadline: Deadline
  ) async throws(EtcdClientError) -> LeaseAnswer {
    let reply = try await self.gateway.txn(
      Gateway.TxnRequest(
        compare: [self.unchanged(since: ifIndex)],
        success: [.init(request_delete_range: .init(key: self.key))],
        failure: [.init(request_range: .init(key: self.key))]),
      isRepeatable: false, until: deadline)
    let position = reply.header.position
    guard reply.succeeded == true else {
      return LeaseAnswer(reply.found == nil ? .absent : .changed, at: position)
    }
    self.state.withLock {
      if let lease = $0.lease { $0.abandoned.insert(lease.id) }
      $0.lease = nil
    }
    await self.revokeAbandonedLeases(until: deadline)
    return LeaseAnswer(.released, at: position)
  }

  package func nextChange(after index: UInt64) async throws(EtcdClientError) -> KeyChange {
    guard let event = try await self.gateway.change(of: self.key, from: index + 1) else {
      return .historyCleared
    }
    return event.type == "DELETE"
      ? .removed(index: event.kv.mod_revision?.value ?? 0) : .written(event.kv.holder)
  }

  package func sideValue(_ key: String) async throws(EtcdClientError) -> SideAnswer {
    let reply = try await self.gateway.range(Self.bytes(key), until: self.deadline)
    guard let holder = reply.kvs?.first?.holder else {
      return SideAnswer(.absent, at: reply.header.position)
    }
    return SideAnswer(
      .found(value: holder.name, modifiedIndex: holder.modifiedIndex), at: reply.header.position)
  }

  package func setSideValue(
    _ key: String, to value: String, if condition: SideCondition
  ) async throws(EtcdClientError) -> SideAnswer {
    let key = Self.bytes(key)
    let compare: [Gateway.TxnRequest.Compare] =
      switch condition {
      case .always: []
      case .ifAbsent: [.init(key: key, target: "CREATE", create_revision: Quoted(0))]
      case .ifIndex(let index): [.init(key: key, target: "MOD", mod_revision: Quoted(index))]
      }
    let reply = try await self.gateway.txn(
      Gateway.TxnRequest(
        compare: compare,
        success: [.init(request_put: .init(key: key, value: Data(value.utf8)))], failure: []),
      isRepeatable: false, until: self.deadline)
    let position = reply.header.position
    return SideAnswer(
      reply.succeeded == true ? .written(modifiedIndex: position.index) : .conditionFailed,
      at: position)
  }

  private func unchanged(since index: UInt64) -> Gateway.TxnRequest.Compare {
    .init(key: self.key, target: "MOD", mod_revision: Quoted(index))
  }

  /// Reads the key from the majority, and whether it has changed since an index.
  private func look(
    ifIndex: UInt64, until deadline: Deadline
  ) async throws(EtcdClientError) -> Gateway.TxnReply {
    // On both branches: without a read the member would answer from its own copy.
    let read = Gateway.TxnRequest.Operation(request_range: .init(key: self.key))
    return try await self.gateway.txn(
      Gateway.TxnRequest(
        compare: [self.unchanged(since: ifIndex)], success: [read], failure: [read]),
      isRepeatable: true, until: deadline)
  }

  /// Revokes the leases of lost answers; those for which etcd does not answer stay for the next time.
  private func revokeAbandonedLeases(until deadline: Deadline) async {
    for lease in self.state.withLock({ $0.abandoned }) {
      guard (try? await self.gateway.revokeLease(lease, until: deadline)) != nil else { return }
      self.state.withLock { _ = $0.abandoned.remove(lease) }
    }
  }

  private func report(ttl: Int64) {
    let isFirst = self.state.withLock { state in
      defer { state.hasReportedTTL = true }
      return !state.hasReportedTTL && ttl > self.options.ttlSeconds
    }
    guard isFirst else { return }
    self.gateway.client.transport.notice(
      .longerTTL(asked: self.options.ttlSeconds, granted: ttl))
  }
}
