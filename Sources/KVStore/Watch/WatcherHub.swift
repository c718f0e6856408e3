/// The waiting watchers, as a value: it finds those that a change concerns by their paths, without a scan
/// of all, and returns the deliveries as data.
///
/// Source: `watcherHub` of etcd's v2store.
package struct WatcherHub: Sendable {
  package typealias ID = UInt64

  struct Watcher: Equatable, Sendable {
    var path: StorePath
    var isRecursive = false
    /// Stays after its first event.
    var isStream = false
    /// Events before this index are not delivered.
    var sinceIndex: UInt64
  }

  package struct Delivery: Equatable, Sendable {
    package let watcher: ID
    package let event: Event
    /// The watcher gets nothing more.
    package let isLast: Bool
  }

  private var watchersByPath: [StorePath: [ID: Watcher]] = [:]
  private var pathByID: [ID: StorePath] = [:]
  private var nextID: ID = 1

  var count: Int { self.pathByID.count }

  mutating func add(_ watcher: Watcher) -> ID {
    defer { self.nextID += 1 }
    self.watchersByPath[watcher.path, default: [:]][self.nextID] = watcher
    self.pathByID[self.nextID] = watcher.path
    return self.nextID
  }

  /// A removed watcher is no error.
  mutating func remove(_ id: ID) {
    guard let path = self.pathByID.removeValue(forKey: id) else { return }
    self.watchersByPath[path]?[id] = nil
    if self.watchersByPath[path]?.isEmpty == true { self.watchersByPath[path] = nil }
  }

  /// The deliveries for a change: to watchers at the paths that it removed, children before their directory,
  /// then at its own path and, recursive ones, at every directory above. Watchers of a single event are
  /// removed.
  mutating func deliveries(for change: Change) -> [Delivery] {
    let event = change.event
    guard !event.isRefresh, !self.pathByID.isEmpty else { return [] }
    var deliveries: [Delivery] = []
    func notify(at path: StorePath, wasRemoved: Bool) {
      guard let watchers = self.watchersByPath[path] else { return }
      let isOwnPath = path == event.node.path
      guard isOwnPath || !event.node.path.isHidden(below: path) else { return }
      // In the order of arrival: the same history gives the same deliveries.
      for (id, watcher) in watchers.sorted(by: { $0.key < $1.key })
      where (watcher.isRecursive || isOwnPath || wasRemoved) && event.index >= watcher.sinceIndex {
        deliveries.append(Delivery(watcher: id, event: event, isLast: !watcher.isStream))
        if !watcher.isStream { self.remove(id) }
      }
    }
    if let removed = change.removed {
      for path in self.watchedPaths(in: removed, at: event.node.path) {
        notify(at: path, wasRemoved: true)
      }
    }
    for path in event.node.path.lineage { notify(at: path, wasRemoved: false) }
    return deliveries
  }

  /// The watched paths of a removed node, and below it where it was a directory: a search among the watched
  /// paths, since a directory may have a million keys.
  private func watchedPaths(in removed: TreeNode, at path: StorePath) -> [StorePath] {
    let own = self.watchersByPath[path] == nil ? [] : [path]
    guard removed.below.nodes > 0 else { return own }
    let below = self.watchersByPath.keys.filter {
      $0.isBelow(path) && removed.contains($0, below: path)
    }
    return below.sorted(by: StorePath.childrenFirst) + own
  }
}

extension StorePath {
  /// The order in which a directory is emptied: children by name, each before its directory.
  fileprivate static func childrenFirst(_ a: StorePath, _ b: StorePath) -> Bool {
    if a.isBelow(b) { return true }
    if b.isBelow(a) { return false }
    return a.names.lexicographicallyPrecedes(b.names)
  }

  /// Whether a component of this path below `watched` is hidden.
  fileprivate func isHidden(below watched: StorePath) -> Bool {
    guard self.isBelow(watched) else { return false }
    let rest = self.bytes[(watched.isRoot ? 0 : watched.bytes.count)...]
    return rest.split(separator: Self.slash).contains { $0.first == UInt8(ascii: "_") }
  }
}
