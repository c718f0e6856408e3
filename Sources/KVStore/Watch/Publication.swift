/// What has happened and who waits for what is to come, as a value: so that to look into the past and to
/// wait for the future is one step, and no event falls between.
package struct Publication: Sendable {
  private var history: EventHistory
  private var hub = WatcherHub()

  package init(_ history: EventHistory) {
    self.history = history
  }

  /// What a watch begins with.
  package struct WatchStart: Sendable {
    /// The store's index when it began.
    package let index: UInt64
    /// An event of the past that it asked for.
    package let event: Event?
    /// To be given to ``unwatch(_:)`` when the client goes; `nil` when it is not waiting.
    package let id: WatcherHub.ID?
  }

  /// How many watchers wait.
  package var watcherCount: Int { self.hub.count }

  /// Looks for an event in the history, and waits for one if there is none.
  /// - Parameter waitIndex: the first index that is wanted; `nil` for the next one.
  /// - Throws: 401 when the history does not reach back that far.
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

  /// Forgets a watcher; one that is gone already is no mistake.
  package mutating func unwatch(_ id: WatcherHub.ID) { self.hub.remove(id) }

  /// Takes in changes that are on disk.
  /// - Returns: whom to tell what, in this order.
  package mutating func publish(_ changes: [Change]) -> [WatcherHub.Delivery] {
    var deliveries: [WatcherHub.Delivery] = []
    for change in changes {
      self.history.append(change.event)
      deliveries += self.hub.deliveries(for: change)
    }
    return deliveries
  }
}
