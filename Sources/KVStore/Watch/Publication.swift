/// The history and the waiting watchers, as one value: a look into the past and the wait for the future are one
/// step, and no event falls between.
package struct Publication: Sendable {
  package private(set) var history: EventHistory
  private var hub = WatcherHub()

  package init(_ history: EventHistory) {
    self.history = history
  }

  /// The beginning of a watch.
  package struct WatchStart: Sendable {
    /// The store's index when it began.
    package let index: UInt64
    /// The requested event of the past.
    package let event: Event?
    /// For ``unwatch(_:)`` when the client leaves; `nil` when nothing more follows.
    package let id: WatcherHub.ID?
  }

  package var watcherCount: Int { self.hub.count }

  /// Returns an event of the history, or adds a watcher.
  /// - Parameter waitIndex: the first index of interest; `nil` for the next one.
  /// - Throws: 401 when the history begins after `waitIndex`.
  package mutating func watch(
    _ path: StorePath, isRecursive: Bool, isStream: Bool, waitIndex: UInt64?
  ) throws(StoreError) -> WatchStart {
    let index = self.history.lastIndex
    let sinceIndex = waitIndex ?? index + 1
    if let past = try self.history.first(from: sinceIndex, at: path, isRecursive: isRecursive) {
      return WatchStart(index: index, event: past, id: nil)
    }
    let id = self.hub.add(
      WatcherHub.Watcher(
        path: path, isRecursive: isRecursive, isStream: isStream, sinceIndex: sinceIndex))
    return WatchStart(index: index, event: nil, id: id)
  }

  /// An unknown watcher is no error.
  package mutating func unwatch(_ id: WatcherHub.ID) { self.hub.remove(id) }

  /// Adds changes that are on disk.
  /// - Returns: the deliveries, in order.
  package mutating func publish(_ changes: [Change]) -> [WatcherHub.Delivery] {
    var deliveries: [WatcherHub.Delivery] = []
    for change in changes {
      self.history.append(change.event)
      deliveries += self.hub.deliveries(for: change)
    }
    return deliveries
  }
}
