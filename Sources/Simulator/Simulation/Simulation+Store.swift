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

  mutating func toStore(_ node: Int, _ what: () -> Happening) {
    if let delay = self.delay(node, cutUntil: self.nodes[node].cutRequestsUntil) {
      self.agenda.add(what(), at: self.now + delay)
    }
    // A proxy may repeat it.
    if self.isStormy(node), self.network.hits(percent: 10) {
      self.agenda.add(what(), at: self.now + self.network.span(0...4_000_000_000))
    }
  }

  mutating func fromStore(_ node: Int, _ what: Happening) {
    if let delay = self.delay(node, cutUntil: self.nodes[node].cutAnswersUntil) {
      self.agenda.add(what, at: self.now + delay)
    }
  }

  // MARK: The process

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
        self.fromStore(
          arrival.node,
          .answerArrives(
            arrival.node, life: arrival.incarnation, id: arrival.id,
            .none("the connection was closed")))
      }
      for (_, watcher) in self.store.watchers.sorted(by: { $0.key < $1.key }) {
        self.fromStore(
          watcher.node,
          .toElector(
            watcher.node, life: watcher.incarnation,
            .watchFailed(id: watcher.id, reason: "the connection was closed")))
      }
    }
    self.store.end()
    self.store.isDark = isDark
  }

  private mutating func makeDurable(_ commit: SimulatedStore.Commit) {
    self.store.disk.append(commit.changes, at: commit.time)
    self.audit.wrote(commit.changes)
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
      guard !self.store.isDark else { return }
      self.fromStore(
        arrival.node,
        .answerArrives(arrival.node, life: arrival.incarnation, id: arrival.id, .refused))
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
      self.store.accept(arrival, at: self.now)
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
    let life = watcher.incarnation
    guard self.elector(watcher.node, life)?.watch == watcher.id else { return }
    func answer(_ event: Election.Event) {
      self.fromStore(watcher.node, .toElector(watcher.node, life: life, event))
    }
    guard self.store.isUp else {
      if !self.store.isDark { answer(.watchFailed(id: watcher.id, reason: "connection refused")) }
      return
    }
    guard self.store.stoppedUntil <= self.now else {
      self.agenda.add(.watchArrives(watcher), at: self.store.stoppedUntil)
      return
    }
    do throws(StoreError) {
      guard let event = try self.store.watch(watcher) else {
        self.audit.waits(watcher.key, after: watcher.after)
        return
      }
      self.audit.watched(watcher.key, after: watcher.after, event)
      answer(SimulatedStore.watched(event, id: watcher.id))
    } catch {
      answer(
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
      case .commit(let changes, let time):
        self.store.commit = SimulatedStore.Commit(changes: changes, time: time)
        self.agenda.add(.diskIsDone(life: self.store.incarnation), at: self.now + self.diskTime())
      case .fold(let backlog):
        self.store.fold = backlog
        self.agenda.add(.tablesAreDone(life: self.store.incarnation), at: self.now + self.diskTime())
      case .publish(let tree, let changes): self.publish(tree, changes)
      case .answer(let results):
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
    self.agenda.add(.storeAlarm(life: self.store.incarnation, at), at: at)
  }

  private mutating func diskTime() -> Nanoseconds {
    self.storeIsSlow ? self.chance.span(0...3_000_000_000) : self.chance.span(50_000...1_000_000)
  }

  mutating func diskIsDone(_ life: Int) {
    guard self.store.incarnation == life, let commit = self.store.commit else { return }
    guard self.store.stoppedUntil <= self.now else {
      self.agenda.add(.diskIsDone(life: life), at: self.store.stoppedUntil)
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

  mutating func tablesAreDone(_ life: Int) {
    guard self.store.incarnation == life, let fold = self.store.fold else { return }
    guard self.store.stoppedUntil <= self.now else {
      self.agenda.add(.tablesAreDone(life: life), at: self.store.stoppedUntil)
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
      self.fromStore(
        watcher.node,
        .toElector(
          watcher.node, life: watcher.incarnation,
          SimulatedStore.watched(delivery.event, id: watcher.id)))
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
    self.fromStore(
      arrival.node,
      .answerArrives(
        arrival.node, life: arrival.incarnation, id: arrival.id, .outcome(outcome)))
  }
}
