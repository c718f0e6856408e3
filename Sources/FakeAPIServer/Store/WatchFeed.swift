import EtcdClient
import Logging
import Synchronization

/// The changes of one resource, told to whoever watches: one watch of etcd for all of them.
final class WatchFeed: Sendable {
  private let client: EtcdClient
  private let path: String
  private let cache: ObjectCache
  private let logger: Logger
  private let state = Mutex(State())

  /// What a watcher gets.
  enum News: Sendable {
    case change(WatchWindow.Change)
    /// All changes up to this index have been told.
    case complete(UInt64)
    /// Some changes were missed: the watcher has to list anew.
    case expired
  }

  private struct State: Sendable {
    /// `nil` until the first look.
    var window: WatchWindow?
    var watchers: [Int: AsyncStream<News>.Continuation] = [:]
    var lastWatcher = 0
  }

  /// - Parameter cache: kept up to date on the way.
  init(client: EtcdClient, path: String, cache: ObjectCache, logger: Logger) {
    self.client = client
    self.path = path
    self.cache = cache
    self.logger = logger
  }

  /// What one watcher gets, until it or the server has enough.
  struct Subscription: Sendable {
    let stream: AsyncStream<News>
    /// Has the stream say how far it is.
    let mark: @Sendable () -> Void
    let end: @Sendable () -> Void
  }

  /// What comes after an index, and then what happens.
  /// - Returns: `nil` when some of it is forgotten.
  func changes(after index: UInt64) -> Subscription? {
    let (stream, continuation) = AsyncStream.makeStream(
      of: News.self, bufferingPolicy: .bufferingOldest(2 * WatchWindow.limit))
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

  /// Whether it knows where it begins.
  var isReady: Bool { self.state.withLock { $0.window != nil } }

  var watcherCount: Int { self.state.withLock(\.watchers.count) }

  /// etcd remembers its last thousand changes; a server that starts takes up most of them.
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

  /// One change, or the beginning.
  private func follow(isAfterTrouble: Bool) async throws {
    guard let last = self.state.withLock({ $0.window?.last }) else {
      let index = try await self.index()
      let start = index > Self.history ? index - Self.history : 0
      self.state.withLock { $0.window = WatchWindow(after: start) }
      return
    }
    // A store that has come back as an older copy, or as another one, would be waited for in vain.
    if isAfterTrouble, try await self.index() < last { return try await self.beginAnew() }
    do {
      let response = try await self.client.watch(self.path, waitIndex: last + 1, recursive: true)
      self.take(response)
    } catch {
      guard error.errorCode == EtcdError.eventIndexCleared else { throw error }
      try await self.beginAnew()
    }
  }

  /// What lies between is lost: whoever watches has to look anew.
  private func beginAnew() async throws {
    let index = try await self.index()
    let watchers = self.state.withLock { state in
      state.window = WatchWindow(after: index)
      defer { state.watchers = [:] }
      return state.watchers
    }
    for watcher in watchers.values {
      watcher.yield(.expired)
      watcher.finish()
    }
  }

  private func take(_ response: KeysResponse) {
    let former = response.prevNode.flatMap(self.cache.shown)
    let shown = self.cache.shown(response.node)
    if response.node.value == nil { self.cache.forget(response.node.key) }
    let change = WatchWindow.Change(
      index: response.node.modifiedIndex, former: former?.object, object: shown?.object,
      json: shown?.json)
    let slow = self.state.withLock { state in
      state.window?.append(change)
      // Who does not read in time is not waited for: it goes on from what it has seen.
      let slow = state.watchers.filter {
        if case .dropped = $0.value.yield(.change(change)) { true } else { false }
      }
      for id in slow.keys { state.watchers[id] = nil }
      return slow
    }
    for watcher in slow.values { watcher.finish() }
  }

  /// The store's index, at which all that is there was written.
  private func index() async throws -> UInt64 {
    do {
      return try await self.client.get(self.path, quorum: true).etcdIndex
    } catch {
      guard case .refused(let refusal) = error, refusal.errorCode == EtcdError.keyNotFound else {
        throw error
      }
      return refusal.index
    }
  }

  private func end() {
    let watchers = self.state.withLock { state in
      defer { state.watchers = [:] }
      return state.watchers
    }
    for watcher in watchers.values { watcher.finish() }
  }
}
