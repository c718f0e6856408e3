import Elector
import EtcdClient
import KVStore

/// An elector's requests in v3, where each may take several calls. ``V3LeaseCalls`` decides which.
extension Simulation {
  mutating func begin(
    _ request: PendingRequest, _ id: Int, _ elector: SimulatedElector<Core>
  ) {
    var request = request
    let state = self.nodes[elector.node]
    var calls = V3LeaseCalls(
      state.lock.request(for: request.kind),
      options: state.lock.options(timeout: state.timing.requestTimeout),
      newLease: Int64(self.network.next() >> 1) | 1)
    let step = calls.begin(&elector.leases)
    request.calls = calls
    self.follow(step, request, id, elector)
  }

  private mutating func follow(
    _ step: V3LeaseCalls.Step, _ request: PendingRequest, _ id: Int,
    _ elector: SimulatedElector<Core>
  ) {
    let outcome: LeaseOutcome
    switch step {
    case .call(let call):
      if case .grant(let lease, _) = call { elector.doubtfulLeases.insert(lease) }
      self.send(call, request, id, elector)
      return
    case .answer(let answer):
      if case .granted = answer.fact, request.kind == .create, let lease = request.newLease {
        elector.doubtfulLeases.remove(lease)
      }
      outcome = .lease(answer)
    case .sideAnswer(let answer): outcome = .record(answer)
    case .failed(let error): outcome = .failure(error)
    }
    elector.pending[id] = nil
    let answer = elector.continuity.answer(
      outcome, to: request.kind, sentAfter: request.sentAfter)
    self.deliver(.answered(id: id, answer), to: elector)
  }

  private mutating func send(
    _ call: GatewayCall, _ request: PendingRequest, _ id: Int, _ elector: SimulatedElector<Core>
  ) {
    let node = elector.node
    var request = request
    request.call += 1
    request.sent = self.nodes[node].clock.reading(at: self.now)
    request.acknowledged = self.audit.acknowledged
    if case .grant(let lease, _) = call { request.newLease = lease }
    elector.pending[id] = request
    let arrival = SimulatedStore.Arrival(
      node: node, incarnation: elector.life, id: id, call: request.call,
      operation: .call(call), lock: self.nodes[node].lock)
    self.toStore(node) { $0.queue { $0.requestArrives(arrival) } }
  }

  /// The request's time is over.
  mutating func timeOut(_ id: Int, _ elector: SimulatedElector<Core>) {
    while !elector.hasEnded, let request = elector.pending[id] {
      self.called(
        .failure(.unanswered(endpoint: SimulatedStore.endpoint, reason: "timed out")), request, id,
        elector)
    }
  }

  /// A reply to a call. A stopped process takes it in, and makes the next call, when it goes on.
  mutating func replied(
    _ reply: Result<GatewayReply, EtcdClientError>, to arrival: SimulatedStore.Arrival,
    _ elector: SimulatedElector<Core>
  ) {
    if elector.stoppedUntil > self.now {
      self.at(elector.stoppedUntil, elector, afterStop: 0) {
        $0.replied(reply, to: arrival, elector)
      }
    } else if let request = elector.pending[arrival.id], request.call == arrival.call {
      self.called(reply, request, arrival.id, elector)
    }
  }

  private mutating func called(
    _ reply: Result<GatewayReply, EtcdClientError>, _ request: PendingRequest, _ id: Int,
    _ elector: SimulatedElector<Core>
  ) {
    var request = request
    guard var calls = request.calls else { return }
    if case .failure = reply { request.hasFailed = true }
    if case .success(let reply) = reply { self.check(reply, request, elector) }
    let step = calls.received(reply, from: SimulatedStore.endpoint, &elector.leases)
    request.calls = calls
    self.follow(step, request, id, elector)
  }

  /// A creation whose answer was lost is revoked before the key is read.
  private mutating func check(
    _ reply: GatewayReply, _ request: PendingRequest, _ elector: SimulatedElector<Core>
  ) {
    guard case .range(let reply) = reply, request.kind == .read, !request.hasFailed,
      let lease = reply.kvs?.first?.lease?.value, elector.doubtfulLeases.contains(lease),
      !self.store.repeatedLeases.contains(lease)
    else { return }
    self.audit.fail(
      "\(self.nodes[elector.node].name) reads a key that it may have created, and has not revoked"
    )
  }

  // MARK: At the store

  /// - Returns: whether the call is answered, or comes again later.
  mutating func meetsElection(_ arrival: SimulatedStore.Arrival) -> Bool {
    guard case .call(let call) = arrival.operation else { return false }
    if case .keepAlive(let lease) = call, self.store.deposed != nil,
      self.network.hits(percent: 50),
      let reply = self.store.deposed?.keepAlive(lease, at: self.now)
    {
      self.answer(arrival, .reply(.success(reply), revision: nil))
      return true
    }
    guard let end = self.store.electionEnd else { return false }
    let isTold = self.network.hits(percent: 60)
    if isTold { self.answer(arrival, .none("etcdserver: leader changed")) }
    // It may be carried out nevertheless.
    if !isTold || self.network.hits(percent: 50) {
      self.agenda.add({ $0.requestArrives(arrival) }, at: end + .milliseconds(1))
    }
    return true
  }

  /// The store reads a call.
  mutating func read(_ arrival: SimulatedStore.Arrival, _ call: GatewayCall) {
    guard case .range(let request) = call else {
      self.store.accept(arrival, call)
      return
    }
    let (found, reply) = self.store.read(request)
    let revision = UInt64(self.store.publishedRevisions.revision)
    self.audit.read(
      Array(request.key),
      found.map { Audit.KeyState($0, at: revision) }, atIndex: revision)
    self.answer(arrival, .reply(.success(reply), revision: revision))
  }

  mutating func answer(
    _ arrival: SimulatedStore.Arrival, _ call: GatewayCall,
    _ result: Result<RevisionOutcome, RevisionError>
  ) {
    let revision: UInt64? =
      if case .success(let outcome) = result { UInt64(outcome.revision) } else { nil }
    self.answer(arrival, .reply(self.store.reply(to: call, result), revision: revision))
  }

  mutating func publish(_ revisions: RevisionTree, _ changes: [RevisionChange]) {
    let states = changes.compactMap { Audit.KeyState($0) }
    self.audit.published(states)
    for state in states { self.lockChanged(state) }
    for id in self.store.publish(revisions, changes) {
      guard let watcher = self.store.told(id) else { continue }
      self.look(watcher)
    }
    for key in Set(states.map(\.key)) {
      for watcher in self.store.watchers(of: StorePath(String(decoding: key, as: UTF8.self))) {
        self.audit.waits(key, after: watcher.after)
      }
    }
  }

  /// A watcher of v3 begins, or is woken.
  mutating func look(_ watcher: SimulatedStore.Watcher) {
    let key = watcher.key.bytes
    do throws(RevisionError) {
      guard let event = try self.store.watchRevisions(watcher) else {
        self.audit.waits(key, after: watcher.after)
        return
      }
      self.audit.watched(key, after: watcher.after, index: UInt64(event.revision.main))
      self.answer(watcher, .watched(id: watcher.id, event.change))
    } catch {
      self.answer(
        watcher,
        error == .compacted
          ? .watched(id: watcher.id, .historyCleared)
          : .watchFailed(id: watcher.id, reason: error.text))
    }
  }

  // MARK: The lock

  /// A key of an election has changed.
  mutating func lockChanged(_ state: Audit.KeyState) {
    guard let first = self.nodes.firstIndex(where: { $0.lock.key.bytes == state.key }) else {
      self.tellReceipt(state)
      return
    }
    let isNew = state.value != nil && state.createdIndex == state.index
    guard isNew || state.value == nil else { return }
    if first == 0 { self.tellLease(state) }
    if let term = self.audit.term(of: state.key, before: state.index) {
      self.evidence.termEnds[term] = self.now
      self.termEnded(term, of: state.key)
    }
  }

  private mutating func tellLease(_ state: Audit.KeyState) {
    if let value = state.value {
      let holder = String(decoding: value, as: UTF8.self)
      self.tell(.store(.lease), "\(holder) holds the lease, term \(state.index)")
      self.begin(.lease, "\(holder), term \(state.index)", .store(.lease))
    } else {
      self.tell(.store(.lease), "the lease has ended: its key is gone")
      self.end(.store(.lease))
    }
  }

  private mutating func tellReceipt(_ state: Audit.KeyState) {
    guard self.tells, state.key == self.nodes.first?.lock.recordKey.bytes else { return }
    let record = state.value.flatMap { TermRecord(json: String(decoding: $0, as: UTF8.self)) }
    if let record, record.isEnded {
      self.begin(.receipt, "the pod of term \(record.term) has ended", .store(.receipt))
    } else {
      self.end(.store(.receipt))
    }
  }

  /// Nobody believes in a lease that is over, unless the store may end it early, or the machine was paused.
  private mutating func termEnded(_ term: UInt64, of key: [UInt8]) {
    guard self.draw.clockSkew == 0 else { return }
    for (number, node) in self.nodes.enumerated() where node.lock.key.bytes == key {
      guard let elector = node.elector, !self.wasPaused(number) else { continue }
      let now = Instant((node.clock.reading(at: self.now) - elector.begin).duration)
      if elector.core.believes(inTerm: term, at: now) {
        self.audit.fail("\(node.name) believes in its lease of term \(term), which is over")
      }
    }
  }

  // MARK: etcd's leader

  /// etcd's leader is cut off: another one is elected, and the old one learns of it at the end of the fault.
  mutating func deposeLeader(
    until end: Nanoseconds, electionEnd: Nanoseconds, isDark: Bool, gain: Int64
  ) {
    self.store.deposed = SimulatedStore.DeposedLeader(
      self.store.publishedRevisions, raftTerm: self.store.raftTerm, at: self.now, until: end)
    self.endStore(
      isDark: isDark, "has no leader: another one is elected", reason: "etcdserver: leader changed")
    self.store.electionEnd = electionEnd
    self.agenda.add(
      {
        $0.store.elect(gain: gain, at: $0.now)
        $0.startStore()
      }, at: electionEnd)
  }
}
