@preconcurrency import Dispatch
import Foundation
import Logging
import NIOCore
import Synchronization

/// The shell around the keyspace: one thread that writes, snapshots for readers, and the watchers.
///
/// The path of a change: it waits in the inbox. The writer takes all waiting ones, applies them in order to a
/// copy of the tree and commits their events in one transaction. Only then it publishes the copy, delivers to
/// the watchers and answers. ``WriterLoop`` with its ``StoreWriter``, and ``Publication``, decide what follows.
///
/// The inbox has no bound of its own: a connection has at most one request under way, so the number of
/// connections bounds it.
final class Store: Sendable {
  typealias Reply = @Sendable (Result<Event, StoreError>) -> Void
  /// Gets an event as JSON; nothing follows the last one. It must not block.
  typealias Sink = @Sendable (ByteBuffer, _ isLast: Bool) -> Void

  let clock: StoreClock
  let clusterID: UInt64
  let startedAt: StoreTime
  let statistics = StoreStatistics()
  let commits = CommitMetrics()
  /// Converts the times of ``clock`` for clients.
  let wall: WallSkew
  let auth: AuthStore

  private let database: Database
  private let logger: Logger
  private let inbox = Mutex(Inbox())
  private let wakeUp = DispatchSemaphore(value: 0)
  private let snapshot: Mutex<KeyTree>
  private let watching: Mutex<Watching>
  private let ended: (stream: AsyncStream<Never>, continuation: AsyncStream<Never>.Continuation)

  private struct Inbox {
    var requests: [(Command, Reply)] = []
    var isClosed = false
  }

  private struct Watching {
    var publication: Publication
    var sinks: [WatcherHub.ID: Sink] = [:]
  }

  /// Reads the database and starts the writer.
  init(_ location: Database.Location, logger: Logger) throws(StartError) {
    let (database, recovered) = try Database.open(location)
    self.database = database
    self.auth = AuthStore(recovered.auth, database: database, logger: logger)
    self.logger = logger
    self.clock = recovered.clock
    self.wall = WallSkew(recovered.clock)
    self.startedAt = recovered.clock.now
    self.clusterID = recovered.clusterID
    self.snapshot = Mutex(recovered.tree)
    self.watching = Mutex(Watching(publication: Publication(recovered.history)))
    self.ended = AsyncStream.makeStream()
    let thread = Thread { [self] in
      self.write(from: recovered.tree)
    }
    thread.name = "kvstore-writer"
    thread.start()
  }

  // MARK: Requests

  /// The keyspace as on disk.
  var current: KeyTree { self.snapshot.withLock { $0 } }

  /// Reads the keyspace as on disk, and counts the operation.
  /// - Throws: 100 or 104.
  func get(
    _ path: StorePath, isRecursive: Bool, isSorted: Bool, now: StoreTime
  ) throws(StoreError) -> (event: Event, index: UInt64) {
    let tree = self.current
    let tally = isRecursive ? self.statistics.getRecursive : self.statistics.get
    do throws(StoreError) {
      let event = try tree.get(path, isRecursive: isRecursive, isSorted: isSorted, now: now)
      tally.add(succeeded: true)
      return (event, tree.index)
    } catch {
      tally.add(succeeded: false)
      throw error
    }
  }

  /// Queues a change. The reply comes on the writer's thread, after the commit.
  func submit(_ command: Command, reply: @escaping Reply) {
    let (isClosed, isFirst) = self.inbox.withLock { inbox in
      if !inbox.isClosed { inbox.requests.append((command, reply)) }
      return (inbox.isClosed, inbox.requests.count == 1)
    }
    if isClosed {
      reply(.failure(StoreError(.internalError, cause: "the store is stopping")))
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
  ///   - sink: gets later events, on the writer's thread.
  /// - Throws: 401 when the history begins after `waitIndex`.
  func watch(
    _ path: StorePath, isRecursive: Bool, isStream: Bool, waitIndex: UInt64?, sink: @escaping Sink
  ) throws(StoreError) -> WatchStart {
    self.statistics.watch.add(succeeded: true)
    return try self.watching.withLock { watching throws(StoreError) in
      let start = try watching.publication.watch(
        path, isRecursive: isRecursive, isStream: isStream, waitIndex: waitIndex)
      if let id = start.id { watching.sinks[id] = sink }
      return WatchStart(
        index: start.index, event: start.event?.json(wall: self.wall), id: start.id)
    }
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

  private func write(from tree: KeyTree) {
    var loop = WriterLoop(tree: tree)
    var requests: [(command: Command, reply: Reply)] = []
    while true {
      switch loop.next(at: self.clock.now) {
      case .wait(let deadline):
        self.waitForWork(until: deadline)
        let isClosed: Bool
        (requests, isClosed) = self.inbox.withLock { inbox in
          defer { inbox.requests = [] }
          return (inbox.requests, inbox.isClosed)
        }
        loop.received(requests.map(\.command), isClosing: isClosed, at: self.clock.now)
      case .commit(let changes): self.commit(changes, of: requests.count, for: &loop)
      case .publish(let tree, let changes):
        for change in changes { self.statistics.count(change.event.action, succeeded: true) }
        self.publish(tree, changes)
      case .answer(let results):
        for ((command, reply), result) in zip(requests, results) {
          if case .failure = result { self.statistics.count(command.action, succeeded: false) }
          reply(result)
        }
        requests = []
      case .fold(let backlog, let index): self.fold(backlog, upTo: index, for: &loop)
      case .close:
        self.close(self.database)
        return
      }
    }
  }

  private func waitForWork(until deadline: StoreTime?) {
    guard let deadline else {
      self.wakeUp.wait()
      return
    }
    // The semaphore's clock stands still while the machine is suspended: wake up once a minute.
    let wait = min(self.clock.now.nanoseconds(to: deadline), 60_000_000_000)
    if wait > 0 { _ = self.wakeUp.wait(timeout: .now() + .nanoseconds(Int(wait))) }
  }

  private func commit(_ changes: [Change], of requests: Int, for loop: inout WriterLoop) {
    do {
      try self.commits.measure(changes: changes.count) { try self.database.commit(changes) }
      loop.committed(at: self.clock.now)
    } catch {
      self.logger.error(
        "Could not write to disk, the requests were refused",
        metadata: ["err": "\(error)", "requests": "\(requests)"])
      loop.refused(cause: "cannot write to disk: \(error)", at: self.clock.now)
    }
  }

  private func fold(_ backlog: Backlog, upTo index: UInt64, for loop: inout WriterLoop) {
    do {
      try self.database.fold(backlog, upTo: index, at: self.clock.now)
      loop.folded()
    } catch {
      self.logger.warning(
        "Could not bring the table of nodes up to date, trying again in a second",
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
  private func publish(_ tree: KeyTree, _ changes: [Change]) {
    let deliveries = self.watching.withLock { watching in
      var deliveries: [(Sink, Event, Bool)] = []
      for delivery in watching.publication.publish(changes) {
        guard let sink = watching.sinks[delivery.watcher] else { continue }
        if delivery.isLast { watching.sinks[delivery.watcher] = nil }
        deliveries.append((sink, delivery.event, delivery.isLast))
      }
      // In the same step: a watcher that got an event, and a new one, find it in the tree.
      self.snapshot.withLock { $0 = tree }
      return deliveries
    }
    // One encoding serves all watchers of an event.
    var encoded: (index: UInt64, json: ByteBuffer)?
    for (sink, event, isLast) in deliveries {
      if encoded?.index != event.index { encoded = (event.index, event.json(wall: self.wall)) }
      if let encoded { sink(encoded.json, isLast) }
    }
  }
}
