import KVStore

/// The rules that must always hold, checked at every step of a run; a value that takes in facts.
struct Audit: Sendable {
  /// What a key is from an index of the store on, which is v3's revision.
  struct KeyState: Sendable {
    let key: [UInt8]
    let index: UInt64
    /// `nil` for an absent key.
    let value: [UInt8]?
    var createdIndex: UInt64 = 0
    var modifiedIndex: UInt64 = 0
  }

  /// By key: every state that was ever on the store's disk.
  private var versions: [[UInt8]: [KeyState]] = [:]
  /// The last index on the disk.
  private(set) var durable: UInt64
  /// The last index that the store has published.
  private(set) var published: UInt64
  /// The last index that reached a client in an answer.
  private(set) var acknowledged: UInt64 = 0
  private var violation: String?

  /// - Parameter index: of an empty store.
  init(index: UInt64) { (self.durable, self.published) = (index, index) }

  mutating func takeViolation() -> String? { self.violation.take() }

  /// Notes the first violation.
  mutating func fail(_ problem: String) {
    if self.violation == nil { self.violation = problem }
  }

  /// A key's state at an index, and its next state. A run has thousands of them and searches at every step.
  private func versions(of key: [UInt8], after index: UInt64) -> (
    former: KeyState?, next: KeyState?
  ) {
    guard let versions = self.versions[key] else { return (nil, nil) }
    var (low, high) = (0, versions.count)
    while low < high {
      let middle = (low + high) / 2
      if versions[middle].index <= index { low = middle + 1 } else { high = middle }
    }
    return (low > 0 ? versions[low - 1] : nil, low < versions.count ? versions[low] : nil)
  }

  /// The term of a key that was there before an index.
  func term(of key: [UInt8], before index: UInt64) -> UInt64? {
    self.versions(of: key, after: index - 1).former.flatMap {
      $0.value == nil ? nil : $0.createdIndex
    }
  }

  // MARK: The store

  /// These changes are on the disk.
  mutating func wrote(_ changes: [KeyState]) {
    for change in changes {
      if change.index != self.durable + 1 {
        self.fail("the index goes from \(self.durable) to \(change.index) on disk")
      }
      self.durable = change.index
      self.versions[change.key, default: []].append(change)
    }
  }

  /// The store publishes these changes.
  mutating func published(_ changes: [KeyState]) {
    for change in changes {
      let index = change.index
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
  mutating func read(_ key: [UInt8], _ found: KeyState?, atIndex index: UInt64) {
    let last = self.versions(of: key, after: index).former.flatMap { $0.value == nil ? nil : $0 }
    if (last == nil) != (found == nil) {
      self.fail(
        "a read at index \(index) finds \(Self.name(key)) \(found == nil ? "absent" : "there"), and it is not so"
      )
    }
    guard let found, let last else { return }
    if found.value != last.value || found.modifiedIndex != last.modifiedIndex
      || found.createdIndex != last.createdIndex
    {
      self.fail(
        "a read at index \(index) shows \(Self.name(key)) as of \(found.modifiedIndex), it was changed at \(last.index)"
      )
    }
  }

  /// A watcher gets an event.
  mutating func watched(_ key: [UInt8], after index: UInt64, index found: UInt64) {
    let first = self.versions(of: key, after: index).next
    if first?.index != found {
      self.fail(
        "a watcher of \(Self.name(key)) after \(index) is told of \(found) instead of \(first?.index ?? 0)"
      )
    }
  }

  /// A watcher goes on waiting.
  mutating func waits(_ key: [UInt8], after index: UInt64) {
    if let missed = self.versions(of: key, after: index).next, missed.index <= self.published {
      self.fail(
        "a watcher of \(Self.name(key)) after \(index) is not told of \(missed.index)")
    }
  }

  private static func name(_ key: [UInt8]) -> String { String(decoding: key, as: UTF8.self) }
}

extension Audit.KeyState {
  /// - Parameter index: the store's.
  init(_ event: Event, at index: UInt64) {
    let isThere =
      switch event.action {
      case .delete, .expire, .compareAndDelete: false
      case .get, .create, .set, .update, .compareAndSwap: true
      }
    self.init(
      key: event.node.path.bytes, index: index,
      value: isThere ? event.node.value ?? [] : nil, createdIndex: event.node.createdIndex,
      modifiedIndex: event.node.modifiedIndex)
  }

  /// - Parameter index: the store's.
  init(_ pair: KeyValue, at index: UInt64) {
    self.init(
      key: pair.key.bytes, index: index, value: pair.value,
      createdIndex: UInt64(pair.createRevision), modifiedIndex: UInt64(pair.modRevision))
  }

  /// `nil` for a change that is about no key.
  init?(_ change: RevisionChange) {
    switch change {
    case .put(let pair, let revision): self.init(pair, at: UInt64(revision.main))
    case .deletion(let key, let revision):
      self.init(key: key.bytes, index: UInt64(revision.main), value: nil)
    case .grant, .end, .compaction, .renewal, .removal: return nil
    }
  }
}
