import EtcdClient
import Logging
import Synchronization

/// Distributes the changes of one resource to all its watchers, from one watch of etcd.
final class WatchFeed: Sendable {
  private let client: EtcdClient
  private let path: String
  private let cache: ObjectCache
  private let logger: Logger
  private let settling: Duration
  private let state = Mutex(State())

  /// An item of a subscription.
  enum Item: Sendable {
    case change(WatchWindow.Change)
    /// All changes up to this index have been delivered.
    case complete(UInt64)
    /// Some changes are lost: the watcher must list again.
    case expired
  }

  private struct State: Sendable {
    /// `nil` until the store's index is known.
    var window: WatchWindow?
    var watchers: [Int: AsyncStream<Item>.Continuation] = [:]
    var lastWatcher = 0
  }

  /// - Parameter cache: updated with each change.
  init(
    client: EtcdClient, path: String, cache: ObjectCache, logger: Logger,
    settling: Duration = WatchProgress.settling
  ) {
    self.settling = settling
    self.client = client
    self.path = path
    self.cache = cache
    self.logger = logger
  }

  /// One watcher's stream; either side can end it.
  struct Subscription: Sendable {
    let stream: AsyncStream<Item>
    /// Adds a ``Item/complete(_:)`` with the last index.
    let mark: @Sendable () -> Void
    let end: @Sendable () -> Void
  }

  /// The changes after an index: those of the past, then new ones.
  /// - Returns: `nil` when some of them are no longer known.
  func changes(after index: UInt64) -> Subscription? {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Item.self, bufferingPolicy: .bufferingOldest(2 * WatchWindow.limit))
    let id = self.state.withLock { state -> Int? in
      guard let past = state.window?.changes(after: index) else { return nil }
      for change in past { continuation.yield(.change(change)) }
      state.lastWatcher += 1
      state.watchers[state.lastWatcher] = continuation
      return state.lastWatcher
    }
    guard let id else { return nil }
    continuation.onTermination = { [weak self] _ in
      self?.state.withLock { _ = $0.watchers.removeValue(forKey: id) }
    }
    return Subscription(
      stream: stream,
      mark: { [weak self] in
        self?.state.withLock { state in
          if let last = state.window?.last { _ = continuation.yield(.complete(last)) }
        }
      },
      end: { continuation.finish() })
  }

  /// Whether the store's index is known.
  var isReady: Bool { self.state.withLock { $0.window != nil } }

  var watcherCount: Int { self.state.withLock(\.watchers.count) }

  /// How many past changes a starting server reads; etcd keeps its last thousand.
  private static let history: UInt64 = 900

  /// Follows the store until its task is cancelled.
  func run() async {
    var isInTrouble = false
    while !Task.isCancelled {
      do {
        try await self.follow(isAfterTrouble: isInTrouble)
      } catch {
        if !isInTrouble, !Task.isCancelled {
          self.logger.warning(
            "Watch failed", metadata: ["path": "\(self.path)", "err": "\(error)"])
        }
        isInTrouble = true
        guard (try? await Task.sleep(for: .milliseconds(200))) != nil else { break }
        continue
      }
      isInTrouble = false
    }
    self.end()
  }

  /// Waits for one change, or finds the start.
  private func follow(isAfterTrouble: Bool) async throws {
    guard let last = self.state.withLock({ $0.window?.last }) else {
      let index = try await self.index()
      let start = index > Self.history ? index - Self.history : 0
      self.state.withLock { $0.window = WatchWindow(after: start) }
      return
    }
    // A store that was restored from an older copy, or replaced, would never reach our index.
    if isAfterTrouble {
      let index = try await self.index()
      if index < last { return self.end(restartingAfter: index) }
    }
    do {
      if let response = try await self.wait(after: last) { try await self.publish(response) }
    } catch let error as EtcdClientError {
      guard error.errorCode == EtcdError.eventIndexCleared else { throw error }
      self.end(restartingAfter: try await self.index())
    }
  }

  /// - Returns: the next change; `nil` when the wait is to begin anew, further on.
  private func wait(after last: UInt64) async throws -> KeysResponse? {
    let (heads, head) = AsyncStream.makeStream(
      of: UInt64.self, bufferingPolicy: .bufferingNewest(1))
    return try await withThrowingTaskGroup(of: KeysResponse?.self) { group in
      group.addTask {
        try await self.client.watch(self.path, waitIndex: last + 1, recursive: true) {
          head.yield($0)
        }
      }
      group.addTask {
        // None comes before the store waits.
        for await index in heads {
          try await self.advance(from: index, after: last)
          break
        }
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }

  /// Advances the window while the wait stays open; returns when that is to begin anew.
  private func advance(from index: UInt64, after last: UInt64) async throws {
    var progress = WatchProgress(after: last, settling: self.settling)
    var index = index
    while true {
      let begun = ContinuousClock.now
      try await Task.sleep(for: self.settling)
      // A server that was paused has not yet read what came meanwhile.
      if begun.duration(to: .now) > self.settling * 2 { continue }
      let step = progress.settled(index)
      let reached = progress.last
      self.state.withLock { $0.window?.advance(to: reached) }
      switch step {
      case .renew: return
      case .look(let pause):
        try await Task.sleep(for: pause)
        // Of the member that waits; a store that does not answer now may do so later.
        index = (try? await self.index(quorum: false)) ?? index
      }
    }
  }

  private func publish(_ response: KeysResponse) async throws {
    let former = response.prevNode.flatMap(self.cache.shown)
    let shown = self.cache.shown(response.node)
    if response.node.value == nil { self.cache.forget(response.node.key) }
    let change = WatchWindow.Change(
      index: response.node.modifiedIndex, former: former?.object, object: shown?.object,
      json: shown?.json)
    let slow = self.state.withLock { state -> [Int: AsyncStream<Item>.Continuation]? in
      guard state.window?.append(change) == true else { return nil }
      // A watcher whose buffer is full is ended; it can continue from the last change that it read.
      let slow = state.watchers.filter {
        if case .dropped = $0.value.yield(.change(change)) { true } else { false }
      }
      for id in slow.keys { state.watchers[id] = nil }
      return slow
    }
    // A change that is not new was under way for longer than it may be.
    guard let slow else { return self.end(restartingAfter: try await self.index()) }
    for watcher in slow.values { watcher.finish() }
  }

  /// The store's index.
  private func index(quorum: Bool = true) async throws -> UInt64 {
    do {
      return try await self.client.get(self.path, quorum: quorum).etcdIndex
    } catch {
      guard case .refused(let refusal) = error, refusal.errorCode == EtcdError.keyNotFound else {
        throw error
      }
      return refusal.index
    }
  }

  /// Ends all streams. With an index the feed restarts there; the changes between are lost, so all
  /// watchers expire.
  private func end(restartingAfter index: UInt64? = nil) {
    let watchers = self.state.withLock { state in
      if let index { state.window = WatchWindow(after: index) }
      defer { state.watchers = [:] }
      return state.watchers
    }
    for watcher in watchers.values {
      if index != nil { watcher.yield(.expired) }
      watcher.finish()
    }
  }
}
