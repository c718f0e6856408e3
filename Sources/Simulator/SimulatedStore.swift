import Elector
import EtcdClient
import KVStore

/// A kvstore under simulated time: its writer, its publication and its clock are the shipped ones; the disk,
/// the machine and the sockets are not there.
struct SimulatedStore: Sendable {
  /// A request that has arrived.
  struct Arrival: Sendable {
    let node: Int
    let incarnation: Int
    let id: Int
    let operation: StoreOperation
    let lock: Lock
  }

  /// What the store says to a request.
  enum Outcome: Sendable {
    /// - Parameter index: the store's.
    case done(Event, index: UInt64)
    case refused(StoreError)
  }

  struct Watcher: Sendable {
    let node: Int
    let incarnation: Int
    let id: Int
    let after: UInt64
    let key: StorePath
  }

  /// What a power cut leaves.
  struct Disk: Sendable {
    /// The nodes as they were when they were last written together.
    private(set) var folded = KeyTree()
    /// What has happened since.
    private(set) var backlog: [Event] = []
    /// The last events, those before ``folded`` included.
    private(set) var history: [Event] = []
    private(set) var lastIndex: UInt64 = 0
    var clock = StoreClock.Record()

    private static let backlogLimit = 40

    /// - Parameter tree: with the changes in it.
    mutating func write(_ changes: [Change], tree: KeyTree, at time: StoreTime) {
      self.history += changes.map(\.event)
      if self.history.count > 2_000 { self.history.removeFirst(self.history.count - 1_000) }
      self.backlog += changes.map(\.event)
      self.lastIndex = changes.last?.event.index ?? self.lastIndex
      self.clock.lastKnown = time.nanoseconds
      if self.backlog.count > Self.backlogLimit {
        self.folded = tree
        self.backlog = []
      }
    }
  }

  var disk = Disk()
  private(set) var writer = StoreWriter(tree: KeyTree())
  private(set) var published = KeyTree()
  private(set) var publication = Publication(EventHistory())
  private(set) var clock: StoreClock
  private(set) var machine: NodeClock
  private var boots = 0
  /// How far its wall clock is from simulated time.
  private var wallSkew: Nanoseconds = 0

  /// Grows with each life of the process.
  private(set) var incarnation = 0
  var isUp = false
  /// Its machine is off, so that not even a refusal comes.
  var isDark = false
  var stoppedUntil: Nanoseconds = 0
  var inbox: [Arrival] = []
  /// The batch that is being committed.
  var batch: [Arrival] = []
  var committing: [Change]?
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

  /// - Parameter wallSkew: a wall clock that is late stays so. One that is set forward between two boots
  ///   cannot be told from a machine that was off for longer, and may end a lease early.
  mutating func boot(at now: Nanoseconds, wallSkew: Nanoseconds) {
    self.boots += 1
    self.wallSkew = min(self.wallSkew, wallSkew)
    self.machine = NodeClock(bootedAt: now, gain: self.machine.gain)
  }

  /// Starts the process on what is on disk.
  /// - Returns: what is wrong with it.
  mutating func start(at now: Nanoseconds) -> String? {
    self.incarnation += 1
    self.isUp = true
    self.isDark = false
    self.stoppedUntil = 0
    self.alarm = nil
    var tree = self.disk.folded
    for event in self.disk.backlog where tree.redo(event) == nil {
      return "event \(event.index) cannot have followed on the table of nodes at \(tree.index)"
    }
    self.clock = StoreClock(
      continuing: self.disk.clock,
      at: StoreClock.Reading(
        bootID: "boot\(self.boots)", sinceBoot: self.machine.reading(at: now),
        wall: Self.epoch + now + self.wallSkew))
    self.disk.clock.bootID = self.clock.bootID
    self.disk.clock.offset = self.clock.offset
    self.writer = StoreWriter(tree: tree)
    self.published = tree
    self.publication = Publication(
      EventHistory(events: self.disk.history, lastIndex: self.disk.lastIndex))
    return nil
  }

  /// 2016, when the recipe was written.
  private static let epoch: Nanoseconds = .seconds(1_475_712_000)

  /// Ends the process: what it had in memory is gone.
  mutating func end() {
    self.incarnation += 1
    self.isUp = false
    self.inbox = []
    self.batch = []
    self.committing = nil
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

  mutating func begin(_ extra: [Command], at now: Nanoseconds) -> [StoreWriter.Effect] {
    self.batch = self.inbox
    self.inbox = []
    let time = self.time(at: now)
    let commands = extra + self.batch.compactMap { Self.command($0, at: time) }
    return self.writer.begin(commands, at: time)
  }

  private static func command(_ arrival: Arrival, at time: StoreTime) -> Command? {
    guard case .write(let content, let make) = arrival.operation else { return nil }
    return switch content {
    case .nothing: make(.init())
    case .leased:
      make(
        .init(
          value: Array(arrival.lock.holder.utf8),
          deadline: time.advanced(bySeconds: UInt64(arrival.lock.ttlSeconds))))
    case .text(let text): make(.init(value: Array(text.utf8)))
    }
  }

  mutating func committed() -> [StoreWriter.Effect] { self.writer.committed() }

  mutating func refused(at now: Nanoseconds) -> [StoreWriter.Effect] {
    self.writer.refused(cause: "cannot write to disk: simulated", at: self.time(at: now))
  }

  mutating func publish(_ tree: KeyTree, _ changes: [Change]) -> [WatcherHub.Delivery] {
    self.published = tree
    return self.publication.publish(changes)
  }

  mutating func watch(_ watcher: Watcher) throws(StoreError) -> Event? {
    let start = try self.publication.watch(
      watcher.key, isRecursive: false, isStream: false, waitIndex: watcher.after + 1)
    if let id = start.id {
      self.watchers[id] = watcher
      self.watchersByNode[watcher.node, default: []].insert(id)
      self.watchersByKey[watcher.key, default: []].insert(id)
    }
    return start.event
  }

  mutating func unwatch(node: Int) {
    for id in self.watchersByNode[node] ?? [] {
      self.publication.unwatch(id)
      _ = self.told(id)
    }
  }

  /// A watcher that waits no longer.
  mutating func told(_ id: WatcherHub.ID) -> Watcher? {
    guard let watcher = self.watchers.removeValue(forKey: id) else { return nil }
    self.watchersByNode[watcher.node]?.remove(id)
    self.watchersByKey[watcher.key]?.remove(id)
    return watcher
  }

  /// Those who wait for a change of a key.
  func watchers(of key: StorePath) -> [Watcher] {
    (self.watchersByKey[key] ?? []).compactMap { self.watchers[$0] }
  }

  mutating func nextDeadline() -> Nanoseconds? {
    self.writer.nextDeadline().map { self.instant(of: $0) }
  }
}

extension SimulatedStore.Outcome {
  /// What a client makes of an answer about the lock. Source: ``V2LeasedKey``, which does the same with
  /// the answer's JSON.
  func leaseAnswer(to request: LeaseRequestKind) -> LeaseAnswer? {
    switch self {
    case .done(let event, let index):
      let node = event.node
      let fact: LeaseAnswer.Fact =
        switch request {
        case .read:
          .held(
            Holder(
              name: String(decoding: node.value ?? [], as: UTF8.self), term: node.createdIndex,
              modifiedIndex: node.modifiedIndex), remaining: .seconds(node.ttl))
        case .write: .granted(term: node.createdIndex, modifiedIndex: node.modifiedIndex)
        case .release: .released
        }
      return LeaseAnswer(
        fact, at: StorePosition(index: request == .read ? index : node.modifiedIndex))
    case .refused(let error):
      let fact: LeaseAnswer.Fact? =
        switch error.code {
        case .keyNotFound: .absent
        case .compareFailed: .changed
        case .alreadyExists: .exists
        default: nil
        }
      return fact.map { LeaseAnswer($0, at: StorePosition(index: error.index)) }
    }
  }

  /// The same about the record.
  func sideAnswer(isRead: Bool) -> SideAnswer? {
    switch self {
    case .done(let event, let index):
      let node = event.node
      return isRead
        ? SideAnswer(
          .found(
            value: String(decoding: node.value ?? [], as: UTF8.self),
            modifiedIndex: node.modifiedIndex), at: StorePosition(index: index))
        : SideAnswer(
          .written(modifiedIndex: node.modifiedIndex), at: StorePosition(index: node.modifiedIndex))
    case .refused(let error):
      let position = StorePosition(index: error.index)
      switch error.code {
      case .keyNotFound: return SideAnswer(isRead ? .absent : .conditionFailed, at: position)
      case .compareFailed, .alreadyExists: return SideAnswer(.conditionFailed, at: position)
      default: return nil
      }
    }
  }
}

/// What kind of success an answer about the lock can tell of.
enum LeaseRequestKind {
  case read, write, release

  init(_ kind: Election.Request.Kind) {
    self =
      switch kind {
      case .read, .readRecord: .read
      case .release: .release
      case .create, .renew, .writeRecord: .write
      }
  }
}
