/// Who waits for what: tells for each change which watchers it concerns, by their paths and not by a
/// look at everybody.
///
/// It is a value and sends nothing: what is to be delivered comes out as data.
/// Source: `watcherHub` of etcd's v2store.
package struct WatcherHub: Sendable {
  package typealias ID = UInt64

  struct Watcher: Equatable, Sendable {
    var path: StorePath
    var isRecursive = false
    /// Whether it stays after its first event.
    var isStream = false
    /// Events before this index do not concern it.
    var sinceIndex: UInt64
  }

  package struct Delivery: Equatable, Sendable {
    package let watcher: ID
    package let event: Event
    /// Whether the watcher has got all that it asked for.
    package let isLast: Bool
  }

  private var watchersByPath: [StorePath: [ID: Watcher]] = [:]
  private var pathByID: [ID: StorePath] = [:]
  private var nextID: ID = 1

  /// How many wait.
  var count: Int { self.pathByID.count }

  mutating func add(_ watcher: Watcher) -> ID {
    defer { self.nextID += 1 }
    self.watchersByPath[watcher.path, default: [:]][self.nextID] = watcher
    self.pathByID[self.nextID] = watcher.path
    return self.nextID
  }

  /// Forgets a watcher; one that is gone already is no mistake.
  mutating func remove(_ id: ID) {
    guard let path = self.pathByID.removeValue(forKey: id) else { return }
    self.watchersByPath[path]?[id] = nil
    if self.watchersByPath[path]?.isEmpty == true { self.watchersByPath[path] = nil }
  }

  /// The watchers that a change concerns: those at paths that went with it, then those at its path
  /// and, recursively, at every directory above. One that asked for a single event is forgotten.
  mutating func deliveries(for change: Change) -> [Delivery] {
    let event = change.event
    guard !event.isRefresh, !self.pathByID.isEmpty else { return [] }
    var deliveries: [Delivery] = []
    func notify(at path: StorePath, wentWithIt: Bool) {
      guard let watchers = self.watchersByPath[path] else { return }
      let isOwnPath = path == event.node.path
      guard isOwnPath || !event.node.path.isHidden(below: path) else { return }
      // In the order of arrival, so that the same history gives the same deliveries.
      for (id, watcher) in watchers.sorted(by: { $0.key < $1.key })
      where (watcher.isRecursive || isOwnPath || wentWithIt) && event.index >= watcher.sinceIndex {
        deliveries.append(Delivery(watcher: id, event: event, isLast: !watcher.isStream))
        if !watcher.isStream { self.remove(id) }
      }
    }
    for path in change.removed { notify(at: path, wentWithIt: true) }
    for path in event.node.path.lineage { notify(at: path, wentWithIt: false) }
    return deliveries
  }
}

extension StorePath {
  /// Whether a component of this path below `watched` is hidden; never so when this is not below it.
  fileprivate func isHidden(below watched: StorePath) -> Bool {
    guard self.isBelow(watched) else { return false }
    let rest = self.bytes[(watched.isRoot ? 0 : watched.bytes.count)...]
    return rest.split(separator: Self.slash).contains { $0.first == UInt8(ascii: "_") }
  }
}
