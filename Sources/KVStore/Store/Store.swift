@preconcurrency import Dispatch
import Foundation
import Logging
import NIOCore
import Synchronization

/// The shell around the keyspace: one thread that writes, snapshots for readers, and the watchers.
///
/// The path of a change: it waits in the inbox. The writer takes all waiting ones, applies them in order to a
/// copy of the tree and commits them as one batch of the log. Only then it publishes the copy, delivers to
/// the watchers and answers. The tables follow on another thread. ``WriterLoop`` with its ``StoreWriter``, and
/// ``Publication``, decide what follows.
///
/// Nothing here grows with the number of keys under a lock, and what grows with it is freed on a thread of its
/// own.
final class Store: Sendable {
  typealias Reply = @Sendable (Result<Event, StoreError>) -> Void
  /// Gets an event as JSON; nothing follows the last one.
  typealias Sink = @Sendable (ByteBuffer, _ isLast: Bool) -> Void

  let clock: StoreClock
  let clusterID: UInt64
  let startedAt: StoreTime
  let statistics = StoreStatistics()
  let commits = CommitMetrics()
  /// Converts the times of ``clock`` for clients.
  let wall: WallSkew
  /// The users of v2.
  let auth: AuthStore
  /// The users of v3.
  let access: AccessStore
  let alarms: Alarms
  let calls = CallStatistics()

  let database: Database
  private let logger: Logger
  let inbox = Mutex(Inbox())
  let wakeUp: WakeUp
  /// Writes the tables.
  let folds = DispatchQueue(label: "kvstore-tables", qos: .utility)
  let foldCount = Atomic<UInt64>(0)
  /// Reads what is large, or in the tables alone, for one client after the other.
  let reads = DispatchQueue(label: "kvstore-reads")
  /// Reads all there is, for backups and hashes: nobody who reads some of it waits for that.
  let longReads = DispatchQueue(label: "kvstore-long-reads")
  /// Frees trees that nobody reads any more.
  private let trash = DispatchQueue(label: "kvstore-trash", qos: .utility)
  private let snapshot: Mutex<KeyTree>
  private let watching: Mutex<Watching>
  let revisionSnapshot: Mutex<RevisionTree>
  let compactions = Mutex<AutoCompaction?>(nil)
  let revisionWatching = Mutex(RevisionWatching())
  private let ended: (stream: AsyncStream<Never>, continuation: AsyncStream<Never>.Continuation)

  /// A directory with more nodes is not read on an event loop.
  private static let largeDirectory = 256

  struct Request {
    let command: Command
    let loop: (any EventLoop)?
    let reply: Reply
  }

  /// What waits for the writer.
  struct Inbox {
    var requests: [Request] = []
    var revisionRequests: [RevisionRequest] = []
    /// Of the values in the requests.
    var byteCount = 0
    var isClosed = false
    /// Of an update of the tables that is over.
    var fold: Result<Void, any Error>?

    /// What may wait, in bytes; one value of any size may wait alone.
    static let byteLimit = 256 << 20

    var requestCount: Int { self.requests.count + self.revisionRequests.count }

    /// Whether there is room for a request.
    func hasRoom(for byteCount: Int) -> Bool {
      self.byteCount == 0 || self.byteCount + byteCount <= Self.byteLimit
    }

    /// Takes out all that waits.
    mutating func take() -> Inbox {
      let taken = self
      self = Inbox(isClosed: self.isClosed)
      return taken
    }
  }

  private struct Watching {
    var publication: Publication
    var sinks: [WatcherHub.ID: (loop: (any EventLoop)?, sink: Sink)] = [:]
  }

  /// Reads the database and starts the writer.
  /// - Parameters:
  ///   - quota: of the tables, in bytes; `nil` for none.
  ///   - autoCompaction: of v3; `nil` for none.
  init(
    _ location: Database.Location, quota: Int64? = nil, autoCompaction: AutoCompaction.Mode? = nil,
    logger: Logger
  ) throws(StartError) {
    let (database, recovered) = try Database.open(location, logger: logger)
    for warning in recovered.warnings { logger.warning("\(warning)") }
    self.database = database
    self.wakeUp = try WakeUp()
    let passwords = PasswordChecker(logger: logger)
    self.auth = AuthStore(
      recovered.auth, database: database, passwords: passwords, logger: logger)
    self.access = AccessStore(
      recovered.access, database: database, clock: recovered.clock, passwords: passwords,
      logger: logger)
    self.alarms = Alarms(recovered.alarms, database: database, quota: quota, logger: logger)
    self.logger = logger
    self.clock = recovered.clock
    self.wall = WallSkew(recovered.clock)
    self.startedAt = recovered.clock.now
    self.clusterID = recovered.clusterID
    self.snapshot = Mutex(recovered.tree)
    self.revisionSnapshot = Mutex(recovered.revisions)
    self.watching = Mutex(Watching(publication: Publication(recovered.history)))
    self.ended = AsyncStream.makeStream()
    let thread = Thread { [self] in
      self.write(
        from: Backlog(
          tree: recovered.tree, revisions: recovered.revisions, obsolete: recovered.obsolete))
    }
    thread.name = "kvstore-writer"
    thread.start()
    self.folds.async { self.planRelease() }
    if let autoCompaction { self.beginCompactions(AutoCompaction(autoCompaction)) }
  }

  // MARK: Requests

  /// Why the last batch is not on disk, or the next one would not be; `nil` while all is well.
  var problem: String? {
    if let problem = self.commits.problem { return problem }
    do {
      try self.database.checkPlace()
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// The keyspace as on disk.
  var current: KeyTree { self.snapshot.withLock { $0 } }

  /// What a GET found.
  struct Reading: Sendable {
    /// As JSON.
    let body: ByteBuffer
    let index: UInt64
  }

  /// Reads the keyspace as on disk, and counts the operation.
  /// - Parameter later: makes what gets the contents of a large directory, on another thread.
  /// - Returns: `nil` for a large directory.
  /// - Throws: 100 or 104.
  func get(
    _ path: StorePath, isRecursive: Bool, isSorted: Bool, now: StoreTime,
    later: () -> @Sendable (Reading) -> Void
  ) throws(StoreError) -> Reading? {
    let tree = self.current
    let tally = isRecursive ? self.statistics.getRecursive : self.statistics.get
    do throws(StoreError) {
      let node = try tree.node(at: path)
      tally.add(succeeded: true)
      let (index, wall) = (tree.index, self.wall)
      @Sendable func read() -> Reading {
        let event = node.read(at: path, now: now, isRecursive: isRecursive, isSorted: isSorted)
        return Reading(body: event.json(wall: wall), index: index)
      }
      guard node.readCount(isRecursive: isRecursive) > Self.largeDirectory else { return read() }
      let reply = later()
      self.reads.async { reply(read()) }
      return nil
    } catch {
      tally.add(succeeded: false)
      throw error
    }
  }

  /// Queues a change. The reply comes after the commit.
  /// - Parameter loop: where the reply comes; `nil` for the writer's thread, which it must not block.
  func submit(
    _ command: Command, on loop: (any EventLoop)? = nil, reply: @escaping Reply
  ) {
    let byteCount = command.byteCount
    let (problem, isFirst): (String?, Bool) = self.inbox.withLock { inbox in
      if inbox.isClosed { return ("the store is stopping", false) }
      guard inbox.hasRoom(for: byteCount) else {
        return ("too much waits for the disk: try again", false)
      }
      inbox.requests.append(Request(command: command, loop: loop, reply: reply))
      inbox.byteCount += byteCount
      return (nil, inbox.requestCount == 1)
    }
    if let problem {
      var outbox = Outbox()
      outbox.add(loop) { reply(.failure(StoreError(.internalError, cause: problem))) }
      outbox.send()
    } else if isFirst {
      // The writer takes the others along.
      self.wakeUp.signal()
    }
  }

  /// The beginning of a watch.
  struct WatchStart {
    /// The store's index when the watch began.
    let index: UInt64
    /// The requested event of the past, as JSON.
    let event: ByteBuffer?
    /// For ``unwatch(_:)`` when the client leaves; `nil` when nothing more follows.
    let id: WatcherHub.ID?
  }

  /// Returns an event of the history, or adds a watcher: in one step, so that no event falls between.
  /// - Parameters:
  ///   - waitIndex: the first index of interest; `nil` for the next one.
  ///   - loop: where the events come; `nil` for the writer's thread, which they must not block.
  ///   - sink: gets later events.
  /// - Throws: 401 when the history begins after `waitIndex`.
  func watch(
    _ path: StorePath, isRecursive: Bool, isStream: Bool, waitIndex: UInt64?,
    on loop: (any EventLoop)? = nil, sink: @escaping Sink
  ) throws(StoreError) -> WatchStart {
    self.statistics.watch.add(succeeded: true)
    let start = try self.watching.withLock { watching throws(StoreError) in
      let start = try watching.publication.watch(
        path, isRecursive: isRecursive, isStream: isStream, waitIndex: waitIndex)
      if let id = start.id { watching.sinks[id] = (loop, sink) }
      return start
    }
    return WatchStart(
      index: start.index, event: start.event?.json(wall: self.wall), id: start.id)
  }

  func unwatch(_ id: WatcherHub.ID) {
    self.watching.withLock { watching in
      watching.publication.unwatch(id)
      watching.sinks[id] = nil
    }
  }

  var watcherCount: Int { self.watching.withLock { $0.publication.watcherCount } }

  /// Refuses further changes, finishes the waiting ones, and returns when they are on disk.
  func close() async {
    self.inbox.withLock { $0.isClosed = true }
    self.wakeUp.signal()
    for await _ in self.ended.stream {}
  }

  // MARK: The writer's thread

  private func write(from backlog: Backlog) {
    var loop = WriterLoop(backlog)
    var batch = Inbox()
    var outbox = Outbox()
    while true {
      switch loop.next(at: self.clock.now) {
      case .wait(let deadline):
        self.wakeUp.wait(nanoseconds: deadline.map { self.clock.now.nanoseconds(to: $0) })
        batch = self.inbox.withLock { $0.take() }
        if let fold = batch.fold { self.settle(fold, for: &loop) }
        let choosesIDs = batch.revisionRequests.contains(where: \.command.wantsLeaseID)
        loop.received(
          batch.requests.map(\.command), batch.revisionRequests.map(\.command),
          random: choosesIDs ? .random(in: .min ... .max) : 0, isClosing: batch.isClosed,
          at: self.clock.now)
      case .commit(let changes, let revisionChanges, let time):
        self.commit(changes, revisionChanges, at: time, of: batch.requestCount, for: &loop)
      case .publish(let tree, let changes):
        for change in changes { self.statistics.count(change.event.action, succeeded: true) }
        self.publish(tree, changes, to: &outbox)
      case .publishRevisions(let revisions, let changes):
        self.publish(revisions, changes, to: &outbox)
      case .answer(let results, let revisionResults):
        for (request, result) in zip(batch.requests, results) {
          if case .failure = result {
            self.statistics.count(request.command.action, succeeded: false)
          }
          outbox.add(request.loop) { request.reply(result) }
        }
        for (request, result) in zip(batch.revisionRequests, revisionResults) {
          outbox.add(request.loop) { request.reply(result) }
        }
        outbox.send()
        batch = Inbox()
      case .fold(let backlog): self.fold(backlog)
      case .close:
        self.close(self.database)
        return
      }
    }
  }

  private func commit(
    _ changes: [Change], _ revisionChanges: [RevisionChange], at time: StoreTime,
    of requests: Int, for loop: inout WriterLoop
  ) {
    do {
      try self.commits.measure(changes: changes.count + revisionChanges.count) {
        try self.database.commit(changes, revisionChanges, at: time)
      }
      loop.committed(at: self.clock.now)
    } catch {
      self.logger.log(
        level: self.commits.isNew(error) ? .error : .debug,
        "Could not write to disk, the requests were refused",
        metadata: ["err": "\(error)", "requests": "\(requests)"])
      loop.refused(cause: "cannot write to disk: \(error)", at: self.clock.now)
    }
  }

  /// Begins to write the tables.
  private func fold(_ backlog: Backlog) {
    let fold = Fold(
      backlog: backlog, history: self.watching.withLock { $0.publication.history },
      position: self.database.beginFold(), time: self.clock.now)
    self.folds.async {
      let result = Result { try self.database.write(fold) }
      self.alarms.check(self.database.size)
      self.planRelease()
      self.inbox.withLock { $0.fold = result }
      self.wakeUp.signal()
    }
  }

  private func settle(_ fold: Result<Void, any Error>, for loop: inout WriterLoop) {
    switch fold {
    case .success: loop.folded()
    case .failure(let error):
      self.logger.warning(
        "Could not bring the tables up to date, trying again in a second",
        metadata: ["err": "\(error)"])
      loop.foldFailed(at: self.clock.now)
    }
  }

  private func close(_ database: Database) {
    do {
      try database.close()
    } catch {
      self.logger.error("Could not close the database", metadata: ["err": "\(error)"])
    }
    self.ended.continuation.finish()
  }

  /// Publishes committed changes: to readers first, then to watchers.
  private func publish(_ tree: KeyTree, _ changes: [Change], to outbox: inout Outbox) {
    var old = tree
    let deliveries = self.watching.withLock { watching in
      var deliveries: [((loop: (any EventLoop)?, sink: Sink), Event, Bool)] = []
      for delivery in watching.publication.publish(changes) {
        guard let sink = watching.sinks[delivery.watcher] else { continue }
        if delivery.isLast { watching.sinks[delivery.watcher] = nil }
        deliveries.append((sink, delivery.event, delivery.isLast))
      }
      // In the same step: a watcher that got an event, and a new one, find it in the tree.
      self.snapshot.withLock { swap(&$0, &old) }
      return deliveries
    }
    // One encoding serves all watchers of an event.
    var encoded: (index: UInt64, json: ByteBuffer)?
    for ((loop, sink), event, isLast) in deliveries {
      if encoded?.index != event.index { encoded = (event.index, event.json(wall: self.wall)) }
      if let json = encoded?.json { outbox.add(loop) { sink(json, isLast) } }
    }
    self.discard(old, changes)
  }

  /// Frees a directory that was removed: not here, and not where a reader is done with it.
  private func discard(_ tree: KeyTree, _ changes: [Change]) {
    let removed = changes.reduce(0) { $0 + Int($1.removed?.below.nodes ?? 0) }
    guard removed > 1000 else { return }
    self.trash.asyncAfter(deadline: .now() + .seconds(1)) { _ = (tree, changes) }
  }
}

extension Command {
  /// What it holds in memory, roughly.
  fileprivate var byteCount: Int {
    switch self {
    case .set(let path, let new), .create(let path, let new), .createInOrder(let path, let new),
      .update(let path, let new), .compareAndSwap(let path, _, let new):
      64 + path.bytes.count + new.value.count
    case .delete(let path, _, _), .compareAndDelete(let path, _), .expire(let path, _):
      64 + path.bytes.count
    }
  }
}
