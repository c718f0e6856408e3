import Elector
import EtcdClient
import KVStore

/// A kvstore in simulated time. Its writer, its publication and its clock are the shipped ones; disk, machine
/// and sockets are simulated.
struct SimulatedStore: Sendable {
  /// A request on its way, or arrived.
  struct Arrival: Sendable {
    let node: Int
    let incarnation: Int
    let id: Int
    /// The number of the request's call, in v3.
    var call = 0
    let operation: StoreOperation
    let lock: Lock
  }

  /// The store's answer to a request.
  enum Outcome: Sendable {
    /// - Parameter index: the store's.
    case done(Event, index: UInt64)
    case refused(StoreError)
  }

  /// A change that waits for the writer.
  struct Waiting: Sendable {
    enum Order: Sendable {
      case command(Command)
      case revisionCommand(RevisionCommand)
    }

    let order: Order
    /// `nil` for a change of another client, which gets no answer.
    let arrival: Arrival?
  }

  /// A batch on its way to the log, which the writer waits for.
  struct Commit: Sendable {
    let changes: [Change]
    let revisionChanges: [RevisionChange]
    let time: StoreTime
  }

  /// An update of the tables.
  struct Fold: Sendable {
    let backlog: Backlog
    /// What it takes of the log of v3.
    let logCount: Int
  }

  struct Watcher: Sendable {
    let node: Int
    let incarnation: Int
    let id: Int
    let after: UInt64
    let key: StorePath
  }

  var disk = SimulatedDisk()
  var loop = WriterLoop(tree: KeyTree())
  private(set) var published = KeyTree()
  private(set) var publishedRevisions = RevisionTree()
  private var revisionWatchers = RevisionWatchers()
  private(set) var publication = Publication(EventHistory())
  private(set) var clock: StoreClock
  private(set) var machine: NodeClock
  /// The term of etcd's leader, in v3.
  private(set) var raftTerm: UInt64 = 2
  /// Until when etcd has no leader: an election is under way.
  var electionEnd: Nanoseconds?
  var deposed: DeposedLeader?
  /// Leases that were granted twice, since a message was repeated: a revocation may have come in between.
  private(set) var repeatedLeases: Set<Int64> = []
  private var grantedLeases: Set<Int64> = []
  private var boots = 0
  /// The wall clock's distance from simulated time.
  private var wallSkew: Nanoseconds = 0

  /// Grows with each life of the process.
  private(set) var incarnation = 0
  var isUp = false
  /// The machine is off: connections are not even refused.
  var isDark = false
  var stoppedUntil: Nanoseconds = 0
  /// Requests that a stopped store has yet to read.
  var unread: [Arrival] = []
  var inbox: [Waiting] = []
  /// The writer's current batch.
  var batch: [Waiting] = []
  var commit: Commit?
  /// What is being written to the tables.
  var fold: Fold?
  private(set) var watchers: [WatcherHub.ID: Watcher] = [:]
  private var watchersByNode: [Int: Set<WatcherHub.ID>] = [:]
  private var watchersByKey: [StorePath: Set<WatcherHub.ID>] = [:]
  var alarm: Nanoseconds?

  init(gain: Int64) {
    self.machine = NodeClock(bootedAt: -.seconds(1_000), gain: gain)
    self.clock = StoreClock(bootID: "", offset: 0)
  }

  /// The store's own clock.
  func time(at now: Nanoseconds) -> StoreTime {
    self.clock.time(sinceBoot: self.machine.reading(at: now))
  }

  /// The first instant at which the store's clock shows this.
  func instant(of time: StoreTime) -> Nanoseconds {
    self.machine.time(of: time.nanoseconds - self.clock.offset)
  }

  /// - Parameter wallSkew: a slow wall clock stays slow. A wall clock that is set forward between two boots
  ///   looks like a machine that was off for longer, and may end a lease early.
  mutating func boot(at now: Nanoseconds, wallSkew: Nanoseconds) {
    self.boots += 1
    self.wallSkew = min(self.wallSkew, wallSkew)
    self.machine = NodeClock(bootedAt: now, gain: self.machine.gain)
  }

  /// Starts the process from the disk.
  /// - Returns: why the disk is damaged; `nil` for a good start.
  mutating func start(at now: Nanoseconds) -> String? {
    self.incarnation += 1
    self.isUp = true
    self.isDark = false
    self.stoppedUntil = 0
    self.alarm = nil
    guard let tree = self.disk.tree() else {
      return "the events on disk cannot have followed on the table of nodes"
    }
    self.clock = StoreClock(
      continuing: self.disk.clock,
      at: StoreClock.Reading(
        bootID: "boot\(self.boots)", sinceBoot: self.machine.reading(at: now),
        wall: Self.epoch + now + self.wallSkew))
    self.disk.clock.bootID = self.clock.bootID
    self.disk.clock.offset = self.clock.offset
    self.disk.recovered(tree, at: self.time(at: now))
    guard
      let (revisions, obsolete) = self.disk.revisions.start(beside: tree, at: self.time(at: now))
    else { return "the log of v3 cannot have followed on its tables" }
    self.loop = WriterLoop(Backlog(tree: tree, revisions: revisions, obsolete: obsolete))
    self.published = tree
    self.publishedRevisions = revisions
    self.revisionWatchers = RevisionWatchers()
    self.publication = Publication(
      EventHistory(events: Array(self.disk.events), lastIndex: tree.index))
    return nil
  }

  /// 2016, when the recipe was written.
  private static let epoch: Nanoseconds = .seconds(1_475_712_000)

  /// Ends the process and loses its memory.
  mutating func end() {
    self.incarnation += 1
    self.isUp = false
    self.unread = []
    self.inbox = []
    self.batch = []
    self.commit = nil
    self.fold = nil
    self.watchers = [:]
    self.watchersByNode = [:]
    self.watchersByKey = [:]
    self.alarm = nil
  }

  // MARK: Requests

  func read(_ path: StorePath, at now: Nanoseconds) -> Outcome {
    do throws(StoreError) {
      let event = try self.published.get(
        path, isRecursive: false, isSorted: false, now: self.time(at: now))
      return .done(event, index: self.published.index)
    } catch {
      return .refused(error)
    }
  }

  /// Queues a change; its TTL counts from now.
  /// - Parameter skew: by so much the clock that ends the lease is ahead of the stamping clock.
  mutating func accept(_ arrival: Arrival, at now: Nanoseconds, skew: Nanoseconds) {
    guard case .write(let command) = arrival.operation else { return }
    let lease = Command.NewNode(
      value: Array(arrival.lock.holder.utf8),
      deadline: self.time(at: now - skew).advanced(bySeconds: UInt64(arrival.lock.ttlSeconds)))
    self.inbox.append(Waiting(order: .command(command(lease)), arrival: arrival))
  }

  /// Another client's writes, after which the history does not go back to any event before.
  mutating func flood(_ api: EtcdAPI) {
    var orders: [Waiting.Order] = []
    if api == .v3 {
      // Its own compaction goes back to the last revision that it has seen.
      let revision = self.publishedRevisions.revision
      orders = Array(
        repeating: .revisionCommand(.put(PutRequest(RevisionKey("noise".utf8)))), count: 100)
      if revision > self.publishedRevisions.compacted {
        orders.append(.revisionCommand(.compact(revision)))
      }
    } else {
      orders = Array(repeating: .command(.set(StorePath("noise"), .init())), count: 1_100)
    }
    self.inbox += orders.map { Waiting(order: $0, arrival: nil) }
  }

  /// The writer takes all waiting changes.
  mutating func take(at now: Nanoseconds) {
    self.batch = self.inbox
    self.inbox = []
    var (commands, revisionCommands): ([Command], [RevisionCommand]) = ([], [])
    for waiting in self.batch {
      switch waiting.order {
      case .command(let command): commands.append(command)
      case .revisionCommand(let command): revisionCommands.append(command)
      }
    }
    self.loop.received(commands, revisionCommands, isClosing: false, at: self.time(at: now))
  }

  /// A lease was granted.
  mutating func granted(_ lease: Int64) {
    if !self.grantedLeases.insert(lease).inserted { self.repeatedLeases.insert(lease) }
  }

  /// etcd has another leader, with a clock of its own.
  mutating func elect(gain: Int64, at now: Nanoseconds) {
    self.electionEnd = nil
    self.raftTerm += 1
    self.machine.pass(toGain: gain, at: now)
  }

  mutating func publish(_ tree: KeyTree, _ changes: [Change]) -> [WatcherHub.Delivery] {
    self.published = tree
    return self.publication.publish(changes)
  }

  /// - Returns: the watchers that the changes concern.
  mutating func publish(
    _ revisions: RevisionTree, _ changes: [RevisionChange]
  ) -> [WatcherHub.ID] {
    self.publishedRevisions = revisions
    return self.revisionWatchers.concerned(by: changes.lazy.compactMap(\.key))
      .flatMap(\.watchers).sorted()
  }

  /// The first change that a watcher of v3 waits for; else it is woken by a later one.
  /// - Throws: when the history no longer reaches back so far.
  func firstEvent(for watcher: Watcher) throws(RevisionError) -> RevisionEvent? {
    try self.publishedRevisions.events(
      in: KeyRange(RevisionKey(watcher.key.bytes), end: RevisionKey([])),
      from: Int64(watcher.after) + 1
    ).events.first
  }

  mutating func watchRevisions(_ watcher: Watcher) throws(RevisionError) -> RevisionEvent? {
    if let event = try self.firstEvent(for: watcher) { return event }
    let id = self.revisionWatchers.add(
      KeyRange(RevisionKey(watcher.key.bytes), end: RevisionKey([])))
    self.add(watcher, as: id)
    return nil
  }

  mutating func watch(_ watcher: Watcher) throws(StoreError) -> Event? {
    let start = try self.publication.watch(
      watcher.key, isRecursive: false, isStream: false, waitIndex: watcher.after + 1)
    if let id = start.id { self.add(watcher, as: id) }
    return start.event
  }

  private mutating func add(_ watcher: Watcher, as id: WatcherHub.ID) {
    self.watchers[id] = watcher
    self.watchersByNode[watcher.node, default: []].insert(id)
    self.watchersByKey[watcher.key, default: []].insert(id)
  }

  mutating func unwatch(node: Int) {
    for id in self.watchersByNode[node] ?? [] {
      self.publication.unwatch(id)
      _ = self.told(id)
    }
  }

  /// Removes a watcher.
  mutating func told(_ id: WatcherHub.ID) -> Watcher? {
    guard let watcher = self.watchers.removeValue(forKey: id) else { return nil }
    self.watchersByNode[watcher.node]?.remove(id)
    self.watchersByKey[watcher.key]?.remove(id)
    self.revisionWatchers.remove(id)
    return watcher
  }

  /// The watchers of a key.
  func watchers(of key: StorePath) -> [Watcher] {
    (self.watchersByKey[key] ?? []).compactMap { self.watchers[$0] }
  }
}
