import Foundation
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import KVStore

/// The v3 keyspace in a store: durable, and watched.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct StoreRevisionTests {
  private static let logger = Logger(label: "test")

  private static func put(_ key: String, _ value: String, lease: Int64 = 0) -> RevisionCommand {
    var request = PutRequest(RevisionKey(key.utf8), value: Array(value.utf8))
    request.lease = lease
    return .put(request)
  }

  private static func single(_ key: String) -> KeyRange {
    KeyRange(RevisionKey(key.utf8), end: RevisionKey([]))
  }

  private static let all = KeyRange(RevisionKey([0]), end: RevisionKey([0]))

  @Test func whatWasAnsweredIsThereAfterAKill() async throws {
    try await withTemporaryDirectory { directory in
      let data = directory + "/data"
      let store = try Store(.directory(data), logger: Self.logger)
      _ = try await store.submit(.grant(id: 7, ttl: 1000))
      _ = try await store.submit(Self.put("a", "1"))
      _ = try await store.submit(Self.put("b", "1", lease: 7))
      _ = try await store.submit(Self.put("a", "2"))
      _ = try await store.submit(.delete(DeleteRequest(Self.single("b"))))
      let last = try await store.submit(Self.put("c", "3", lease: 7))
      #expect(last.revision == 6)
      try FileManager.default.copyItem(atPath: data, toPath: directory + "/killed")
      let before = Keyspace(store.currentRevisions)
      await store.close()
      for path in [data, directory + "/killed"] {
        #expect(try DataDirectory(path).check().revision == 6)
        let again = try Store(.directory(path), logger: Self.logger)
        #expect(Keyspace(again.currentRevisions) == before)
        #expect(try await again.submit(Self.put("a", "3")).revision == 7)
        await again.close()
      }
    }
  }

  /// The log has lost its name: neither readers nor watchers see what is refused, and its revision is not used up.
  @Test func whatIsNotOnDiskIsSeenByNobody() async throws {
    try await withTemporaryDirectory { directory in
      let store = try Store(.directory(directory + "/data"), logger: Self.logger)
      _ = try await store.submit(Self.put("a", "1"))
      let before = Keyspace(store.currentRevisions)
      let watcher = Watcher(store, Self.all, on: MultiThreadedEventLoopGroup.singleton.next())
      watcher.start(at: 3)
      try await eventually("it waits") { store.revisionWatcherCount == 1 }
      for name in ChangeLog.fileNames {
        try FileManager.default.removeItem(atPath: "\(directory)/data/\(name)")
      }
      for command in [Self.put("a", "2"), .grant(id: 1, ttl: 5), .compact(2)] {
        let error = await #expect(throws: RevisionError.self) { try await store.submit(command) }
        #expect(error?.code == .unavailable)
        #expect(error?.text.contains("log.0 was deleted while it was in use") == true)
      }
      #expect(Keyspace(store.currentRevisions) == before)
      #expect(watcher.seen == [] && watcher.wakeUps == 0)
      await store.close()
    }
  }

  @Test func whatComesAfterTheEndIsRefused() async throws {
    let store = try Store(.memory, logger: Self.logger)
    await store.close()
    let error = await #expect(throws: RevisionError.self) {
      _ = try await store.submit(Self.put("a", "1"))
    }
    #expect(error == .unavailable("server stopped"))
    #expect(error?.code == .unavailable)
  }

  /// Watchers come while the writer writes: each reads on from the tree that it gets, and misses nothing.
  @Test func noEventFallsBetweenTheTreeAndTheWakeUp() async throws {
    let store = try Store(.memory, logger: Self.logger)
    let loops = MultiThreadedEventLoopGroup.singleton
    let count = 2_000 as Int64
    let watchers = (0..<16).map { _ in Watcher(store, Self.all, on: loops.next()) }
    await withTaskGroup { group in
      group.addTask {
        for number in 0..<count {
          store.submit(Self.put("k\(number % 5)", "\(number)"), on: nil) { _ in }
          if number % 100 == 0 { await Task.yield() }
        }
      }
      for (number, watcher) in watchers.enumerated() {
        group.addTask {
          // From the first to nearly the last change.
          while store.currentRevisions.revision < Int64(number) * count / 17 { await Task.yield() }
          watcher.start(at: 2)
        }
      }
    }
    try await eventually("a watcher does not get on") {
      watchers.allSatisfy { $0.seen.count == count }
    }
    for watcher in watchers { #expect(watcher.seen == Array(2...count + 1)) }
    for watcher in watchers { watcher.stop() }
    #expect(store.revisionWatcherCount == 0)
    await store.close()
  }

  @Test func onlyWhoIsConcernedIsWoken() async throws {
    let store = try Store(.memory, logger: Self.logger)
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let (a, b) = (Watcher(store, Self.single("a"), on: loop), Watcher(store, Self.all, on: loop))
    a.start(at: 2)
    b.start(at: 2)
    try await eventually("both wait") { store.revisionWatcherCount == 2 }
    _ = try await store.submit(Self.put("b", "1"))
    _ = try await store.submit(Self.put("a", "1"))
    try await eventually("both are woken") { a.seen == [3] && b.seen == [2, 3] }
    #expect(a.wakeUps == 1 && b.wakeUps == 2)
    await store.close()
  }

  /// Not before its TTL, and little after it.
  @Test func aLeaseEndsByItself() async throws {
    let store = try Store(.memory, logger: Self.logger)
    let watcher = Watcher(store, Self.all, on: MultiThreadedEventLoopGroup.singleton.next())
    watcher.start(at: 2)
    let granted = ContinuousClock.now
    _ = try await store.submit(.grant(id: 1, ttl: 1))
    _ = try await store.submit(Self.put("k", "1", lease: 1))
    try await eventually("the lease ends") { watcher.seen == [2, 3] }
    let time = granted.duration(to: .now)
    #expect(time >= .seconds(2), "\(time)")
    #expect(store.currentRevisions.leaseIDs.isEmpty)
    await store.close()
  }

  /// Pulls its events when it is woken.
  private final class Watcher: Sendable {
    private struct State {
      var id: UInt64?
      var seen: [Int64] = []
      var next: Int64 = 0
      var wakeUps = 0
    }

    private let store: Store
    private let range: KeyRange
    private let loop: any EventLoop
    private let state = Mutex(State())

    init(_ store: Store, _ range: KeyRange, on loop: any EventLoop) {
      (self.store, self.range, self.loop) = (store, range, loop)
    }

    var seen: [Int64] { self.state.withLock { $0.seen } }
    var wakeUps: Int { self.state.withLock { $0.wakeUps } }

    /// On its loop, so that it has read the past before it is woken.
    func start(at revision: Int64) { self.loop.execute { self.begin(at: revision) } }

    private func begin(at revision: Int64) {
      self.state.withLock { $0.next = revision }
      let (id, tree) = self.store.watchRevisions(self.range, on: self.loop) { news in
        self.state.withLock { $0.wakeUps += 1 }
        // Both tell the same.
        let events = try? news.tree.events(in: self.range, from: news.tree.formerRevision + 1)
        #expect(news.events == nil || news.events == events?.events)
        self.pull(news.tree, isWoken: true)
      }
      self.state.withLock { $0.id = id }
      self.pull(tree)
    }

    /// - Parameter isWoken: it looks only at what a watcher that is not behind has to look at.
    private func pull(_ tree: RevisionTree, isWoken: Bool = false) {
      self.state.withLock { state in
        let first = isWoken ? max(state.next, tree.formerRevision + 1) : state.next
        if let batch = try? tree.events(in: self.range, from: first) {
          state.seen += batch.events.map(\.revision.main)
        }
        state.next = max(state.next, tree.revision + 1)
      }
    }

    func stop() { if let id = self.state.withLock({ $0.id }) { self.store.unwatchRevisions(id) } }
  }
}

extension Store {
  /// Returns when the change is on disk.
  func submit(_ command: RevisionCommand) async throws -> RevisionOutcome {
    try await withCheckedThrowingContinuation { continuation in
      self.submit(command, on: nil) { continuation.resume(with: $0) }
    }
  }
}

/// All that can be read of a keyspace: what a compaction has yet to remove does not count.
struct Keyspace: Equatable {
  var revision: Int64
  var compacted: Int64
  var pairs: [KeyValue] = []
  var versions: [RevisionKey: [Revision: KeyValue?]] = [:]
  var events: [RevisionEvent] = []
  var leases: [Int64: [RevisionKey]] = [:]

  init(_ whole: RevisionTree) {
    var tree = whole
    _ = tree.removeCompacted()
    self.revision = tree.revision
    self.compacted = tree.compacted
    self.pairs = tree.pairs.elements
    let all = KeyRange(RevisionKey([0]), end: RevisionKey([0]))
    do throws(RevisionError) {
      for pair in try tree.changes.all {
        self.versions[pair.key, default: [:]][pair.revision] = pair.isDeletion ? .some(nil) : pair
      }
      self.events = try tree.events(in: all, from: max(tree.compacted, 2)).events
    } catch {
      Issue.record("\(error)")
    }
    for id in tree.leaseIDs { self.leases[id] = tree.leases[id]?.keys.elements }
  }
}

extension RevisionHistory {
  /// In memory or not.
  var count: Int {
    var count = 0
    self.forEachLink(from: .none) { _ in
      count += 1
      return true
    }
    return count
  }

  /// What all changes made of their keys, in memory or not.
  var all: [KeyValue] {
    get throws(RevisionError) {
      var revisions: [Revision] = []
      self.forEachLink(from: .none) {
        revisions.append($0.revision)
        return true
      }
      var pairs: [KeyValue] = []
      for revision in revisions {
        if let change = self.inMemory(revision) {
          pairs.append(change.pair)
        } else {
          pairs += try self.rows(of: [revision], mostBytes: .max)
        }
      }
      return pairs
    }
  }
}
