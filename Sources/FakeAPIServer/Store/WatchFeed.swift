import APIServerClient
import EtcdClient
import Logging
import Synchronization

/// The changes of one resource, told to whoever watches: one watch of etcd for all of them.
final class WatchFeed: Sendable {
  private let client: EtcdClient
  private let path: String
  private let logger: Logger
  private let state = Mutex(State())

  /// What a watcher gets.
  enum News: Sendable {
    case change(WatchWindow.Change)
    /// Some changes were missed: the watcher has to list anew.
    case expired
  }

  private struct State: Sendable {
    /// `nil` until the first look.
    var window: WatchWindow?
    var watchers: [Int: AsyncStream<News>.Continuation] = [:]
    var lastWatcher = 0
  }

  init(client: EtcdClient, path: String, logger: Logger) {
    self.client = client
    self.path = path
    self.logger = logger
  }

  /// What one watcher gets, until it or the server has enough.
  struct Subscription: Sendable {
    let stream: AsyncStream<News>
    let end: @Sendable () -> Void
  }

  /// What comes after an index, and then what happens.
  /// - Returns: `nil` when some of it is forgotten.
  func changes(after index: UInt64) -> Subscription? {
    let (stream, continuation) = AsyncStream.makeStream(of: News.self)
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
    return Subscription(stream: stream) { continuation.finish() }
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
        try await self.follow()
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
  private func follow() async throws {
    guard let last = self.state.withLock({ $0.window?.last }) else {
      let index = try await self.index()
      let start = index > Self.history ? index - Self.history : 0
      self.state.withLock { $0.window = WatchWindow(after: start) }
      return
    }
    do {
      let response = try await self.client.watch(self.path, waitIndex: last + 1, recursive: true)
      self.take(response)
    } catch {
      guard error.errorCode == EtcdError.eventIndexCleared else { throw error }
      // What lies between is lost: whoever watches has to look anew.
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
  }

  private func take(_ response: KeysResponse) {
    let change = WatchWindow.Change(
      index: response.node.modifiedIndex,
      former: response.prevNode.flatMap { ObjectStore.stored($0)?.object },
      object: response.node.value == nil ? nil : ObjectStore.stored(response.node)?.object)
    self.state.withLock { state in
      state.window?.append(change)
      for watcher in state.watchers.values { watcher.yield(.change(change)) }
    }
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
