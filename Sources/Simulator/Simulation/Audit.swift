import KVStore

/// The rules that must always hold, checked at every step of a run; a value that takes in facts.
struct Audit: Sendable {
  /// A key's state from an index on.
  private struct Version: Sendable {
    let index: UInt64
    let event: Event
  }

  /// By key: every state that was ever on the store's disk.
  private var versions: [StorePath: [Version]] = [:]
  /// The last index on the disk.
  private(set) var durable: UInt64 = 0
  /// The last index that the store has published.
  private(set) var published: UInt64 = 0
  /// The last index that reached a client in an answer.
  private(set) var acknowledged: UInt64 = 0
  private var violation: String?

  mutating func takeViolation() -> String? { self.violation.take() }

  /// Notes the first violation.
  mutating func fail(_ problem: String) {
    if self.violation == nil { self.violation = problem }
  }

  /// A key's state at an index, and its next state. A run has thousands of them and searches at every step.
  private func versions(of key: StorePath, after index: UInt64) -> (
    former: Version?, next: Version?
  ) {
    guard let versions = self.versions[key] else { return (nil, nil) }
    var (low, high) = (0, versions.count)
    while low < high {
      let middle = (low + high) / 2
      if versions[middle].index <= index { low = middle + 1 } else { high = middle }
    }
    return (low > 0 ? versions[low - 1] : nil, low < versions.count ? versions[low] : nil)
  }

  // MARK: The store

  /// These changes are on the disk.
  mutating func wrote(_ changes: [Change]) {
    for change in changes {
      let index = change.event.index
      if index != self.durable + 1 {
        self.fail("the index goes from \(self.durable) to \(index) on disk")
      }
      self.durable = index
      self.versions[change.event.node.path, default: []].append(
        Version(index: index, event: change.event))
    }
  }

  /// The store publishes these changes.
  mutating func published(_ changes: [Change]) {
    for change in changes {
      let index = change.event.index
      if index > self.durable {
        self.fail("index \(index) is seen before it is on disk (\(self.durable))")
      }
      if index != self.published + 1 {
        self.fail("what is seen goes from \(self.published) to \(index)")
      }
      self.published = index
    }
  }

  /// The store has started.
  mutating func started(index: UInt64) {
    if index != self.durable {
      self.fail("the store starts at index \(index), its disk had \(self.durable)")
    }
    self.published = index
  }

  /// A client gets an answer.
  /// - Parameter sentAfter: the last acknowledged index when the request was sent.
  mutating func answered(index: UInt64, sentAfter: UInt64) {
    if index < sentAfter {
      self.fail(
        "an answer of index \(index) to a request that was sent after \(sentAfter) had been acknowledged"
      )
    }
    if index > self.durable {
      self.fail("an answer of index \(index), and the disk has \(self.durable)")
    }
    self.acknowledged = max(self.acknowledged, index)
  }

  /// A read shows a key; `nil` for an absent one.
  mutating func read(_ key: StorePath, _ event: Event?, atIndex index: UInt64) {
    let last = self.versions(of: key, after: index).former?.event
    let isThere =
      switch last?.action {
      case nil, .delete, .expire, .compareAndDelete: false
      default: true
      }
    if isThere != (event != nil) {
      self.fail(
        "a read at index \(index) finds \(key) \(event == nil ? "absent" : "there"), and it is not so"
      )
    }
    guard let event, let last, isThere else { return }
    if event.node.value != last.node.value || event.node.modifiedIndex != last.node.modifiedIndex
      || event.node.createdIndex != last.node.createdIndex
    {
      self.fail(
        "a read at index \(index) shows \(key) as of \(event.node.modifiedIndex), it was changed at \(last.index)"
      )
    }
  }

  /// A watcher gets an event.
  mutating func watched(_ key: StorePath, after index: UInt64, _ event: Event) {
    let first = self.versions(of: key, after: index).next
    if first?.index != event.index {
      self.fail(
        "a watcher of \(key) after \(index) is told of \(event.index) instead of \(first?.index ?? 0)"
      )
    }
  }

  /// A watcher goes on waiting.
  mutating func waits(_ key: StorePath, after index: UInt64) {
    if let missed = self.versions(of: key, after: index).next, missed.index <= self.published {
      self.fail("a watcher of \(key) after \(index) is not told of \(missed.index)")
    }
  }
}
