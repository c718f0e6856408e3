import DequeModule

/// The last events, for watchers that ask for an index of the past.
///
/// Invariants: the indices have no gap, and the last one is the store's index; the events are at most
/// ``capacity`` and, but for the last one, at most ``byteLimit`` bytes.
/// Source: `EventHistory` of etcd's v2store, whose only bound is the count.
package struct EventHistory: Sendable {
  package static let capacity = 1000
  package static let byteLimit = 64 << 20

  private(set) var events: Deque<Event> = []
  private(set) var byteCount = 0
  /// The index of the newest event, kept or not.
  private(set) var lastIndex: UInt64

  /// - Parameters:
  ///   - events: oldest first.
  ///   - lastIndex: the store's index and the last event's.
  package init(events: [Event] = [], lastIndex: UInt64 = 0) {
    precondition(
      zip(events.reversed(), 0...).allSatisfy { $0.index == lastIndex - $1 },
      "the history has a gap, or does not end at \(lastIndex)")
    self.lastIndex = lastIndex - UInt64(events.count)
    for event in events { self.append(event) }
  }

  /// The index of the oldest event, or of the next one to come.
  var startIndex: UInt64 { self.events.first?.index ?? self.lastIndex + 1 }

  package mutating func append(_ event: Event) {
    precondition(event.index == self.lastIndex + 1, "event \(event.index) after \(self.lastIndex)")
    self.events.append(event)
    self.byteCount += event.byteCount
    self.lastIndex = event.index
    while self.events.count > Self.capacity
      || self.byteCount > Self.byteLimit && self.events.count > 1
    {
      self.byteCount -= self.events.removeFirst().byteCount
    }
  }

  /// The first event at or after an index that concerns a watcher of this path; `nil` if there is none.
  /// - Throws: 401 when the history begins after that index.
  func first(
    from index: UInt64, at path: StorePath, isRecursive: Bool
  ) throws(StoreError) -> Event? {
    guard index >= self.startIndex else {
      // An empty store has cleared nothing.
      if self.lastIndex == 0 { return nil }
      throw StoreError(
        .eventIndexCleared,
        cause: "the requested history has been cleared [\(self.startIndex)/\(index)]",
        index: self.lastIndex)
    }
    guard index <= self.lastIndex else { return nil }
    return self.events[Int(index - self.startIndex)...].first { event in
      guard !event.isRefresh else { return false }
      if event.node.path == path || isRecursive && event.node.path.isBelow(path) { return true }
      // etcd compares prefixes here, not whole components.
      return event.removedDirectory && path.bytes.starts(with: event.node.path.bytes)
    }
  }
}

extension Event {
  /// What it holds in memory, roughly.
  fileprivate var byteCount: Int {
    let values = (self.node.value?.count ?? 0) + (self.prevNode?.value?.count ?? 0)
    return 256 + 2 * self.node.path.bytes.count + values
  }
}
