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

  mutating func answer(_ arrival: SimulatedStore.Arrival, _ answer: Answer) {
    if case .reply = answer { self.notes(arrival) }
    let date = self.now / 1_000_000_000
    self.fromStore(arrival.node) { $0.answerArrives(answer, to: arrival, date: date) }
  }

  mutating func answer(_ watcher: SimulatedStore.Watcher, _ event: Election.Event) {
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
    let index = self.storeIndex
    self.audit.started(index: index)
    self.lastTrouble = self.now
    self.tell(.store(.process), "starts again, at index \(index)")
    self.begin(.alive, "runs", .store(.process))
    self.turnStore()
  }

  /// The index of v2, or the revision of v3.
  private var storeIndex: UInt64 {
    self.draw.api == .v3
      ? UInt64(self.store.publishedRevisions.revision) : self.store.published.index
  }

  /// - Parameters:
  ///   - isDark: clients get no sign of it.
  ///   - reason: what they get.
  mutating func endStore(
    isDark: Bool, _ how: String, reason: String = "the connection was closed"
  ) {
    guard self.store.isUp else { return }
    self.tell(.store(.process), how)
    self.begin(.down, "down", .store(.process))
    self.lastTrouble = self.now
    // An unfinished write may be on the disk, or not.
    if let commit = self.store.commit, self.chance.hits(percent: 50) { self.makeDurable(commit) }
    if let fold = self.store.fold, self.chance.hits(percent: 50) { self.makeDurable(fold) }
    if !isDark {
      let waiting = (self.store.batch + self.store.inbox).compactMap(\.arrival)
      for arrival in waiting + self.store.unread {
        self.answer(arrival, .none(reason))
      }
      for (_, watcher) in self.store.watchers.sorted(by: { $0.key < $1.key }) {
        self.answer(watcher, .watchFailed(id: watcher.id, reason: reason))
      }
    }
    self.store.end()
    self.store.isDark = isDark
  }

  private mutating func makeDurable(_ commit: SimulatedStore.Commit) {
    self.store.disk.append(commit.changes, commit.revisionChanges, at: commit.time)
    let states =
      commit.changes.map { Audit.KeyState($0.event, at: $0.event.index) }
      + commit.revisionChanges.compactMap { Audit.KeyState($0) }
    self.audit.wrote(states)
    for state in states { self.checkReceipt(state) }
  }

  /// Nobody may show a pod as ended that runs, whatever its kubelet does.
  private mutating func checkReceipt(_ state: Audit.KeyState) {
    guard state.key.contains(UInt8(ascii: "_")), let value = state.value,
      let record = TermRecord(json: String(decoding: value, as: UTF8.self)), record.isEnded
    else { return }
    for node in self.nodes
    where node.lock.recordKey.bytes == state.key && !node.kubelet.running.isEmpty {
      guard record.candidate.bootID == node.bootID else { continue }
      self.audit.fail("\(node.name) has left a receipt for term \(record.term), and its pod runs")
    }
  }

  private mutating func makeDurable(_ fold: SimulatedStore.Fold) {
    let backlog = fold.backlog
    self.store.disk.fold(
      backlog, logCount: fold.logCount, at: self.store.time(at: self.now))
    if !self.store.disk.agrees(with: backlog) {
      self.audit.fail(
        "the tables are not what the store had at index \(backlog.tree.index), revision "
          + "\(backlog.revisions.revision)")
    }
  }

  // MARK: Requests

  mutating func requestArrives(_ arrival: SimulatedStore.Arrival) {
    if self.meetsElection(arrival) { return }
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
    switch arrival.operation {
    case .write:
      // Each request may reach another member.
      let skew = self.draw.clockSkew > 0 ? self.chance.upTo(self.draw.clockSkew) : 0
      self.store.accept(arrival, at: self.now, skew: skew)
    case .read(let path):
      let outcome = self.store.read(path, at: self.now)
      switch outcome {
      case .done(let event, let index):
        self.audit.read(path.bytes, Audit.KeyState(event, at: index), atIndex: index)
      case .refused(let error): self.audit.read(path.bytes, nil, atIndex: error.index)
      }
      self.answer(arrival, outcome)
    case .call(let call): self.read(arrival, call)
    }
  }

  mutating func watchArrives(_ watcher: SimulatedStore.Watcher) {
    if self.scenario.tellsWatchers { self.queue { $0.read(watcher) } }
  }

  private mutating func read(_ watcher: SimulatedStore.Watcher) {
    guard self.elector(watcher.node, watcher.incarnation)?.watch == watcher.id else { return }
    if let end = self.store.electionEnd {
      self.agenda.add({ $0.watchArrives(watcher) }, at: end + .milliseconds(1))
      return
    }
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
    if self.draw.api == .v3 {
      self.look(watcher)
      return
    }
    do throws(StoreError) {
      guard let event = try self.store.watch(watcher) else {
        self.audit.waits(watcher.key.bytes, after: watcher.after)
        return
      }
      self.audit.watched(watcher.key.bytes, after: watcher.after, index: event.index)
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
      case .commit(let changes, let revisionChanges, let time):
        self.store.commit = SimulatedStore.Commit(
          changes: changes, revisionChanges: revisionChanges, time: time)
        self.atStore(self.now + self.diskTime()) { $0.diskIsDone() }
      case .fold(let backlog):
        self.store.fold = SimulatedStore.Fold(
          backlog: backlog, logCount: self.store.disk.revisions.logCount)
        self.atStore(self.now + self.diskTime()) { $0.tablesAreDone() }
      case .publish(let tree, let changes): self.publish(tree, changes)
      case .publishRevisions(let revisions, let changes): self.publish(revisions, changes)
      case .answer(let results, let revisionResults):
        self.answerBatch(results, revisionResults)
      case .close: return
      }
    }
  }

  private mutating func answerBatch(
    _ results: [Result<Event, StoreError>],
    _ revisionResults: [Result<RevisionOutcome, RevisionError>]
  ) {
    var (results, revisionResults) = (results[...], revisionResults[...])
    for waiting in self.store.batch {
      switch waiting.order {
      case .command:
        guard let result = results.popFirst(), let arrival = waiting.arrival else { continue }
        switch result {
        case .success(let event): self.answer(arrival, .done(event, index: event.index))
        case .failure(let error): self.answer(arrival, .refused(error))
        }
      case .revisionCommand:
        guard let result = revisionResults.popFirst(), let arrival = waiting.arrival,
          case .call(let call) = arrival.operation
        else { continue }
        self.answer(arrival, call, result)
      }
    }
    self.store.batch = []
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
    let states = changes.map { Audit.KeyState($0.event, at: $0.event.index) }
    self.audit.published(states)
    for state in states { self.lockChanged(state) }
    for delivery in self.store.publish(tree, changes) {
      guard let watcher = self.store.told(delivery.watcher) else { continue }
      self.audit.watched(watcher.key.bytes, after: watcher.after, index: delivery.event.index)
      self.answer(watcher, SimulatedStore.watched(delivery.event, id: watcher.id))
    }
    for path in Set(changes.map(\.event.node.path)) {
      for watcher in self.store.watchers(of: path) {
        self.audit.waits(path.bytes, after: watcher.after)
      }
    }
  }

  private mutating func answer(
    _ arrival: SimulatedStore.Arrival, _ outcome: SimulatedStore.Outcome
  ) {
    self.notes(arrival)
    self.answer(arrival, .outcome(outcome))
  }

  /// When the sender has given up, this answer may have granted a lease that no elector knows of.
  private mutating func notes(_ arrival: SimulatedStore.Arrival) {
    if self.elector(arrival.node, arrival.incarnation)?.pending[arrival.id]?.call != arrival.call {
      self.lastTrouble = self.now
    }
  }
}
