import Elector
import EtcdClient
import KVStore

/// The store's process and the network between it and the nodes. ``WriterLoop`` decides the order.
extension Simulation {
  // MARK: The network

  private static var quick: ClosedRange<Nanoseconds> { 100_000...2_000_000 }

  /// How long a message takes; `nil` when it never arrives.
  private mutating func delay(_ node: Int, cutUntil: Nanoseconds) -> Nanoseconds? {
    if cutUntil > self.now {
      // TCP sends it again, until one side gives up.
      guard self.network.hits(percent: 40) else { return nil }
      return cutUntil - self.now + self.network.span(0...max(1, cutUntil - self.now))
    }
    guard self.isStormy(node) else { return self.network.span(Self.quick) }
    if self.network.hits(percent: 15) { return nil }
    return self.network.hits(percent: 25)
      ? self.network.span(0...4_000_000_000) : self.network.span(Self.quick)
  }

  mutating func toStore(_ node: Int, _ work: @escaping Happening) {
    if let delay = self.delay(node, cutUntil: self.nodes[node].end(of: .cut, .cutRequests)) {
      self.agenda.add(work, at: self.now + delay)
    }
    // A proxy may repeat it.
    if self.isStormy(node), self.network.hits(percent: 10) {
      self.agenda.add(work, at: self.now + self.network.span(0...4_000_000_000))
    }
  }

  mutating func fromStore(_ node: Int, _ work: @escaping Happening) {
    if let delay = self.delay(node, cutUntil: self.nodes[node].end(of: .cut, .cutAnswers)) {
      self.agenda.add(work, at: self.now + delay)
    }
  }

  private mutating func answer(_ arrival: SimulatedStore.Arrival, _ answer: Answer) {
    let date = self.now / 1_000_000_000
    self.fromStore(arrival.node) { $0.answerArrives(answer, to: arrival, date: date) }
  }

  private mutating func answer(_ watcher: SimulatedStore.Watcher, _ event: Election.Event) {
    self.fromStore(watcher.node) {
      if let elector = $0.elector(watcher.node, watcher.incarnation) {
        $0.deliver(event, to: elector)
      }
    }
  }

  // MARK: The process

  /// The store does this at an instant, unless its process has ended by then.
  mutating func atStore(_ instant: Nanoseconds, _ work: @escaping Happening) {
    let life = self.store.incarnation
    self.agenda.add({ if $0.store.incarnation == life { work(&$0) } }, at: instant)
  }

  mutating func startStore() {
    guard !self.store.isUp else { return }
    if let problem = self.store.start(at: self.now) { self.audit.fail(problem) }
    let index = self.store.published.index
    self.audit.started(index: index)
    self.lastTrouble = self.now
    self.tell(.store, "starts at index \(index)")
    self.span(.down, nil, .store)
    self.turnStore()
  }

  /// - Parameter isDark: clients get no sign of it.
  mutating func endStore(isDark: Bool, _ how: String) {
    guard self.store.isUp else { return }
    self.tell(.store, how)
    self.span(.stopped, nil, .store)
    self.span(.down, "down", .store)
    self.lastTrouble = self.now
    // An unfinished write may be on the disk, or not.
    if let commit = self.store.commit, self.chance.hits(percent: 50) { self.makeDurable(commit) }
    if let fold = self.store.fold, self.chance.hits(percent: 50) { self.makeDurable(fold) }
    if !isDark {
      let waiting = (self.store.batch + self.store.inbox).compactMap(\.arrival)
      for arrival in waiting + self.store.unread {
        self.answer(arrival, .none("the connection was closed"))
      }
      for (_, watcher) in self.store.watchers.sorted(by: { $0.key < $1.key }) {
        self.answer(watcher, .watchFailed(id: watcher.id, reason: "the connection was closed"))
      }
    }
    self.store.end()
    self.store.isDark = isDark
  }

  private mutating func makeDurable(_ commit: SimulatedStore.Commit) {
    self.store.disk.append(commit.changes, at: commit.time)
    self.audit.wrote(commit.changes)
    for change in commit.changes { self.checkReceipt(change.event) }
  }

  /// Nobody may show a pod as ended that runs, whatever its kubelet does.
  private mutating func checkReceipt(_ event: Event) {
    let path = event.node.path
    guard path.bytes.contains(UInt8(ascii: "_")), let value = event.node.value,
      let record = TermRecord(json: String(decoding: value, as: UTF8.self)), record.isEnded
    else { return }
    for node in self.nodes where node.lock.recordKey == path && !node.kubelet.running.isEmpty {
      guard record.candidate.bootID == node.bootID else { continue }
      self.audit.fail("\(node.name) has left a receipt for term \(record.term), and its pod runs")
    }
  }

  private mutating func makeDurable(_ fold: Backlog) {
    self.store.disk.fold(fold, at: self.store.time(at: self.now))
    if !self.store.disk.agrees(with: fold.tree) {
      self.audit.fail("the table of nodes is not what the store had at index \(fold.tree.index)")
    }
  }

  // MARK: Requests

  mutating func requestArrives(_ arrival: SimulatedStore.Arrival) {
    guard self.store.isUp else {
      if !self.store.isDark { self.answer(arrival, .refused) }
      return
    }
    guard self.store.stoppedUntil <= self.now else {
      self.store.unread.append(arrival)
      return
    }
    self.read(arrival)
    self.turnStore()
  }

  /// The store reads a request. A read does not wait for the writer.
  private mutating func read(_ arrival: SimulatedStore.Arrival) {
    guard case .read(let path) = arrival.operation else {
      // Each request may reach another member.
      let skew = self.draw.clockSkew > 0 ? self.chance.upTo(self.draw.clockSkew) : 0
      self.store.accept(arrival, at: self.now, skew: skew)
      return
    }
    let outcome = self.store.read(path, at: self.now)
    switch outcome {
    case .done(let event, let index): self.audit.read(path, event, atIndex: index)
    case .refused(let error): self.audit.read(path, nil, atIndex: error.index)
    }
    self.answer(arrival, outcome)
  }

  mutating func watchArrives(_ watcher: SimulatedStore.Watcher) {
    if self.scenario.tellsWatchers { self.queue { $0.read(watcher) } }
  }

  private mutating func read(_ watcher: SimulatedStore.Watcher) {
    guard self.elector(watcher.node, watcher.incarnation)?.watch == watcher.id else { return }
    guard self.store.isUp else {
      if !self.store.isDark {
        self.answer(watcher, .watchFailed(id: watcher.id, reason: "connection refused"))
      }
      return
    }
    guard self.store.stoppedUntil <= self.now else {
      self.agenda.add({ $0.watchArrives(watcher) }, at: self.store.stoppedUntil)
      return
    }
    do throws(StoreError) {
      guard let event = try self.store.watch(watcher) else {
        self.audit.waits(watcher.key, after: watcher.after)
        return
      }
      self.audit.watched(watcher.key, after: watcher.after, event)
      self.answer(watcher, SimulatedStore.watched(event, id: watcher.id))
    } catch {
      self.answer(
        watcher,
        SimulatedStore.watched(SimulatedStore.Outcome.refused(error).answer, id: watcher.id))
    }
  }

  /// Carries out the writer's steps up to its next wait.
  mutating func turnStore() {
    guard self.store.isUp, self.store.stoppedUntil <= self.now, self.store.commit == nil else {
      return
    }
    let unread = self.store.unread
    self.store.unread = []
    for arrival in unread { self.read(arrival) }
    let time = self.store.time(at: self.now)
    while self.store.commit == nil {
      switch self.store.loop.next(at: time) {
      case .wait(let until):
        guard !self.store.inbox.isEmpty || until.map({ $0 <= time }) ?? false else {
          if let until { self.setStoreAlarm(self.store.instant(of: until)) }
          return
        }
        self.store.take(at: self.now)
      case .commit(let changes, _, let time):
        self.store.commit = SimulatedStore.Commit(changes: changes, time: time)
        self.atStore(self.now + self.diskTime()) { $0.diskIsDone() }
      case .fold(let backlog):
        self.store.fold = backlog
        self.atStore(self.now + self.diskTime()) { $0.tablesAreDone() }
      case .publish(let tree, let changes): self.publish(tree, changes)
      case .publishRevisions: break
      case .answer(let results, _):
        for (waiting, result) in zip(self.store.batch, results) {
          guard let arrival = waiting.arrival else { continue }
          switch result {
          case .success(let event): self.answer(arrival, .done(event, index: event.index))
          case .failure(let error): self.answer(arrival, .refused(error))
          }
        }
        self.store.batch = []
      case .close: return
      }
    }
  }

  private mutating func setStoreAlarm(_ due: Nanoseconds) {
    let at = max(due, self.now + 1)
    guard self.store.alarm != at else { return }
    self.store.alarm = at
    self.atStore(at) {
      guard $0.store.alarm == at else { return }
      $0.store.alarm = nil
      $0.turnStore()
    }
  }

  private mutating func diskTime() -> Nanoseconds {
    self.storeIsSlow ? self.chance.span(0...3_000_000_000) : self.chance.span(50_000...1_000_000)
  }

  private mutating func diskIsDone() {
    guard let commit = self.store.commit else { return }
    guard self.store.stoppedUntil <= self.now else {
      self.atStore(self.store.stoppedUntil) { $0.diskIsDone() }
      return
    }
    self.store.commit = nil
    let time = self.store.time(at: self.now)
    if self.commitsFail {
      self.store.loop.refused(cause: "cannot write to disk: simulated", at: time)
    } else {
      self.makeDurable(commit)
      self.store.loop.committed(at: time)
    }
    self.turnStore()
  }

  private mutating func tablesAreDone() {
    guard let fold = self.store.fold else { return }
    guard self.store.stoppedUntil <= self.now else {
      self.atStore(self.store.stoppedUntil) { $0.tablesAreDone() }
      return
    }
    self.store.fold = nil
    if self.commitsFail {
      self.store.loop.foldFailed(at: self.store.time(at: self.now))
    } else {
      self.makeDurable(fold)
      self.store.loop.folded()
    }
    self.turnStore()
  }

  private mutating func publish(_ tree: KeyTree, _ changes: [Change]) {
    self.audit.published(changes)
    for change in changes { self.tellLease(change.event) }
    for delivery in self.store.publish(tree, changes) {
      guard let watcher = self.store.told(delivery.watcher) else { continue }
      self.audit.watched(watcher.key, after: watcher.after, delivery.event)
      self.answer(watcher, SimulatedStore.watched(delivery.event, id: watcher.id))
    }
    for path in Set(changes.map(\.event.node.path)) {
      for watcher in self.store.watchers(of: path) {
        self.audit.waits(path, after: watcher.after)
      }
    }
  }

  private mutating func tellLease(_ event: Event) {
    guard self.tells, event.node.path == self.nodes[0].lock.key else { return }
    let holder = String(decoding: event.node.value ?? [], as: UTF8.self)
    switch event.action {
    case .delete, .compareAndDelete, .expire:
      self.tell(.store, "the lock is free (\(event.action)), index \(event.index)")
      self.span(.leads, nil, .lease)
    case .create, .set, .update:
      self.tell(.store, "the lock is \(holder)'s, term \(event.index)")
      self.span(.leads, "\(holder), term \(event.index)", .lease)
    case .compareAndSwap, .get: break
    }
  }

  private mutating func answer(
    _ arrival: SimulatedStore.Arrival, _ outcome: SimulatedStore.Outcome
  ) {
    // The sender has given up, and this answer may have granted a lease that no elector knows of.
    if self.elector(arrival.node, arrival.incarnation)?.pending[arrival.id] == nil {
      self.lastTrouble = self.now
    }
    self.answer(arrival, .outcome(outcome))
  }
}

/// An elector's requests to the store.
extension Simulation {
  mutating func send(_ request: Election.Request, _ elector: SimulatedElector<Core>) {
    let node = elector.node
    let state = self.nodes[node]
    elector.pending[request.id] = PendingRequest(
      kind: request.kind, sentAfter: elector.continuity.latest,
      sent: state.clock.reading(at: self.now),
      acknowledged: self.audit.acknowledged)
    let arrival = SimulatedStore.Arrival(
      node: node, incarnation: elector.life, id: request.id,
      operation: Core.operation(for: request.kind, of: state.lock), lock: state.lock)
    self.toStore(node) { $0.queue { $0.requestArrives(arrival) } }
    // The store may have written the record, and the elector does not learn of it.
    if case .writeRecord = request.kind, state.end(of: .killAtRecord) > self.now {
      self.nodes[node].faultEnds[.killAtRecord] = 0
      self.at(self.now + self.chance.span(1_000_000...100_000_000), elector) {
        if $0.isWell($0.nodes[node].guardian) { $0.endElector(node, .signal(9)) }
      }
    }
    let limit = state.clock.time(
      of: state.clock.reading(at: self.now) + Nanoseconds(state.timing.requestTimeout))
    self.at(limit, elector) { $0.answerArrives(.none("timed out"), to: arrival) }
  }

  /// - Parameter date: the store's clock in whole seconds, in an answer of its own.
  mutating func answerArrives(
    _ answer: Answer, to arrival: SimulatedStore.Arrival, date: Int64? = nil
  ) {
    guard let elector = self.elector(arrival.node, arrival.incarnation),
      let request = elector.pending.removeValue(forKey: arrival.id)
    else { return }
    if let date, case .outcome = answer {
      let received = self.nodes[arrival.node].clock.reading(at: self.now)
      _ = elector.standstill.heard(
        from: SimulatedStore.endpoint, date: date, sent: request.sent.duration,
        received: received.duration)
      let total = elector.standstill.total
      if total > .zero { self.deliver(.stoodStill(total: total), to: elector) }
    }
    let meaning = self.meaning(of: answer, to: request, elector)
    self.deliver(.answered(id: arrival.id, meaning), to: elector)
  }

  private mutating func meaning(
    of answer: Answer, to request: PendingRequest, _ elector: SimulatedElector<Core>
  ) -> Election.Answer {
    let outcome: V2LeaseMeaning.Outcome
    switch answer {
    case .refused:
      outcome = .failure(
        .unreachable(endpoint: SimulatedStore.endpoint, reason: "connection refused"))
    case .none(let reason):
      outcome = .failure(.unanswered(endpoint: SimulatedStore.endpoint, reason: reason))
    case .outcome(let found):
      outcome = found.answer
      // A failed disk's answer carries no position of the store.
      if case .failure(let error) = outcome, error.isOutcomeUnknown { break }
      self.audit.answered(index: found.index, sentAfter: request.acknowledged)
    }
    return elector.continuity.answer(
      SimulatedStore.outcome(of: request.kind, outcome), to: request.kind,
      sentAfter: request.sentAfter)
  }
}
