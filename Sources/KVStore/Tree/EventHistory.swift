import DequeModule

/// The last events, so that a watcher who comes late can still be told what it asks for.
///
/// Invariant: the indices are without a gap, and the last one is the store's index.
/// Source: `EventHistory` of etcd's v2store.
package struct EventHistory: Sendable {
  /// How many events are kept.
  package static let capacity = 1000

  private var events: Deque<Event>
  /// The index of the newest event, kept or not.
  private(set) var lastIndex: UInt64

  /// - Parameters:
  ///   - events: what was kept before, oldest first.
  ///   - lastIndex: the store's index, which is that of the last of them.
  package init(events: [Event] = [], lastIndex: UInt64 = 0) {
    precondition(
      zip(events.reversed(), 0...).allSatisfy { $0.index == lastIndex - $1 },
      "the history has a gap, or does not end at \(lastIndex)")
    self.events = Deque(events.suffix(Self.capacity))
    self.lastIndex = lastIndex
  }

  /// The index of the oldest event that is kept, or of the next one to come.
  var startIndex: UInt64 { self.events.first?.index ?? self.lastIndex + 1 }

  mutating func append(_ event: Event) {
    precondition(event.index == self.lastIndex + 1, "event \(event.index) after \(self.lastIndex)")
    if self.events.count == Self.capacity { self.events.removeFirst() }
    self.events.append(event)
    self.lastIndex = event.index
  }

  /// The first event at or after an index that a watcher of this path wants.
  /// - Returns: `nil` when there is none yet.
  /// - Throws: 401 when events from that index on are no longer kept.
  func first(
    from index: UInt64, at path: StorePath, isRecursive: Bool
  ) throws(StoreError) -> Event? {
    guard index >= self.startIndex else {
      // An empty store has cleared nothing, whatever is asked for.
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
      // etcd compares the names' beginnings here, and not whole components.
      return event.removedDirectory && path.bytes.starts(with: event.node.path.bytes)
    }
  }
}
