import KVStore

/// What must always hold, checked at every step of a run; a value that is told facts.
struct Audit: Sendable {
  /// What a key was from an index on.
  private struct Version: Sendable {
    let index: UInt64
    let event: Event
  }

  /// By key: all that ever was on the store's disk.
  private var versions: [StorePath: [Version]] = [:]
  /// The last index that is on the disk.
  private(set) var durable: UInt64 = 0
  /// The last index that the store let anybody see.
  private(set) var published: UInt64 = 0
  /// The last index that reached a client in an answer.
  private(set) var acknowledged: UInt64 = 0
  private var violation: String?

  mutating func takeViolation() -> String? { self.violation.take() }

  /// Notes the first violation.
  mutating func fail(_ problem: String) {
    if self.violation == nil { self.violation = problem }
  }

  /// What a key was at an index, and what it was next: a run has thousands of versions, and looks at every
  /// step.
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

  /// The disk has these.
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

  /// The store lets these be seen.
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

  /// The store has been started on its disk.
  mutating func started(index: UInt64) {
    if index != self.durable {
      self.fail("the store starts at index \(index), its disk had \(self.durable)")
    }
    self.published = index
  }

  /// A client gets an answer to a request that was sent when this had been acknowledged.
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

  /// A read says what a key is; `nil` for nothing.
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

  /// A watcher is told of an event.
  mutating func watched(_ key: StorePath, after index: UInt64, _ event: Event) {
    let first = self.versions(of: key, after: index).next
    if first?.index != event.index {
      self.fail(
        "a watcher of \(key) after \(index) is told of \(event.index) instead of \(first?.index ?? 0)"
      )
    }
  }

  /// A watcher waits on, although this is published.
  mutating func waits(_ key: StorePath, after index: UInt64) {
    if let missed = self.versions(of: key, after: index).next, missed.index <= self.published {
      self.fail("a watcher of \(key) after \(index) is not told of \(missed.index)")
    }
  }
}
