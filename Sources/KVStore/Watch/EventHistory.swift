import DequeModule

/// The last events, for watchers that ask for an index of the past.
///
/// Invariant: the indices have no gap, and the last one is the store's index.
/// Source: `EventHistory` of etcd's v2store.
package struct EventHistory: Sendable {
  package static let capacity = 1000

  private(set) var events: Deque<Event>
  /// The index of the newest event, kept or not.
  private(set) var lastIndex: UInt64

  /// - Parameters:
  ///   - events: oldest first.
  ///   - lastIndex: the store's index and the last event's.
  package init(events: [Event] = [], lastIndex: UInt64 = 0) {
    precondition(
      zip(events.reversed(), 0...).allSatisfy { $0.index == lastIndex - $1 },
      "the history has a gap, or does not end at \(lastIndex)")
    self.events = Deque(events.suffix(Self.capacity))
    self.lastIndex = lastIndex
  }

  /// The index of the oldest event, or of the next one to come.
  var startIndex: UInt64 { self.events.first?.index ?? self.lastIndex + 1 }

  mutating func append(_ event: Event) {
    precondition(event.index == self.lastIndex + 1, "event \(event.index) after \(self.lastIndex)")
    if self.events.count == Self.capacity { self.events.removeFirst() }
    self.events.append(event)
    self.lastIndex = event.index
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
