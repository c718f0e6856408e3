/// A change of a key, as watchers are told of it.
package struct RevisionEvent: Equatable, Sendable {
  package let key: RevisionKey
  package let revision: Revision
  /// What the key has become; `nil` for a deletion.
  package let pair: KeyValue?
  /// What it was before; `nil` for a key that was not there.
  package let previous: KeyValue?
}

/// Events of a range in their order: those that one watcher gets at once.
package struct EventBatch: Equatable, Sendable {
  package var events: [RevisionEvent] = []
  /// The first revision that is not in this batch.
  package var next: Int64
}

extension RevisionEvent {
  /// Of keys and values.
  func byteCount(withPrevious: Bool) -> Int {
    self.key.bytes.count + (self.pair?.value.count ?? 0)
      + (withPrevious ? self.previous?.value.count ?? 0 : 0)
  }

  /// - Parameter former: what the key was before the change's transaction.
  fileprivate init(of pair: KeyValue, after former: KeyValue?) {
    self.init(
      key: pair.key, revision: pair.revision, pair: pair.isDeletion ? nil : pair,
      previous: pair.isBirth ? nil : former.flatMap { $0.isDeletion ? nil : $0 })
  }
}

extension KeyValue {
  /// A birth has nothing before it, even of a key that its transaction has deleted. Source: etcd's `isCreateEvent`.
  fileprivate var isBirth: Bool { self.createRevision == self.modRevision }
}

extension RevisionTree {
  // MARK: Events

  /// The changes in a range. All of one revision are in one batch.
  /// - Parameters:
  ///   - revision: the first one.
  ///   - mostBytes: of keys and values, also of those before, unless they are of a single revision.
  ///   - mostChanges: of this range or not, that are looked at, unless they are of a single revision.
  ///   - wantsPrevious: whether an event says what the key was before; it does if memory has it.
  /// - Throws: ``RevisionError/compacted``, and for what the tables do not have, or not whole.
  package func events(
    in range: KeyRange, from revision: Int64, mostBytes: Int = .max, mostChanges: Int = .max,
    wantsPrevious: Bool = true
  ) throws(RevisionError) -> EventBatch {
    guard revision >= self.compacted else { throw .compacted }
    var batch = EventBatch(next: max(revision, self.revision + 1))
    var (byteCount, changeCount) = (0, 0)
    var next = Revision(main: revision, sub: 0)
    var isFull: Bool { byteCount >= mostBytes || changeCount >= mostChanges }
    while let (links, pairs) = try self.archived(from: next) {
      var formers = Formers(
        wantsPrevious
          ? zip(links, pairs).compactMap { range.contains($1.key) ? self.former(of: $0, $1) : nil }
          : [])
      for (link, pair) in zip(links, pairs) {
        if link.revision.main != next.main, isFull {
          batch.next = link.revision.main
          return batch
        }
        next = Revision(main: link.revision.main, sub: link.revision.sub + 1)
        changeCount += 1
        guard range.contains(pair.key) else { continue }
        let previous = try formers.take(self.former(of: link, pair), self.changes)
        byteCount += pair.key.bytes.count + pair.value.count + (previous?.value.count ?? 0)
        batch.events.append(RevisionEvent(of: pair, after: previous))
      }
    }
    var last = next.main
    self.changes.forEachInMemory(from: next) { change in
      let (main, key) = (change.orderKey.main, change.pair.key)
      if main != last, isFull {
        batch.next = main
        return false
      }
      last = main
      changeCount += 1
      guard range.contains(key) else { return true }
      let event = self.event(of: change)
      byteCount += event.byteCount(withPrevious: wantsPrevious)
      batch.events.append(event)
      return true
    }
    return batch
  }

  /// Some changes that are in the tables alone; `nil` if there are none from this one on.
  func archived(
    from revision: Revision
  ) throws(RevisionError) -> (links: [RevisionHistory.Link], pairs: [KeyValue])? {
    let links = self.changes.archivedLinks(from: revision, most: 256)
    guard !links.isEmpty else { return nil }
    return (links, try self.changes.rows(of: links.map(\.revision), mostBytes: 1 << 20))
  }

  /// The change of this revision, if memory has it.
  package func event(at revision: Revision) -> RevisionEvent? {
    self.changes.inMemory(revision).map(self.event)
  }

  private func event(of change: RevisionHistory.Change) -> RevisionEvent {
    var previous = change.former
    // What it was before the transaction, which may have put the key and deleted it.
    while let former = previous, former.modRevision == change.orderKey.main {
      previous = self.changes.inMemory(former.revision)?.former
    }
    return RevisionEvent(of: change.pair, after: previous)
  }

  /// Where that is what a key was before the transaction of a change that is in the tables alone; `nil` if it was not there.
  private func former(of link: RevisionHistory.Link, _ pair: KeyValue) -> Revision? {
    guard !pair.isBirth else { return nil }
    var former = self.changes.link(of: link.former)
    while let link = former, link.revision.main == pair.modRevision {
      former = self.changes.link(of: link.former)
    }
    return former.flatMap { $0.isDeletion ? nil : $0.revision }
  }

  /// Rows that are read a few at a time, as they are taken.
  private struct Formers {
    private var places: ArraySlice<Revision>
    private var rows: ArraySlice<KeyValue> = []

    init(_ places: [Revision]) { self.places = places[...] }

    /// - Parameter place: of the next row; any other one is passed over.
    mutating func take(
      _ place: Revision?, _ history: RevisionHistory
    ) throws(RevisionError) -> KeyValue? {
      guard let place, place == self.places.first else { return nil }
      if self.rows.isEmpty {
        self.rows = try history.rows(of: Array(self.places), mostBytes: 1 << 20)[...]
      }
      self.places.removeFirst()
      return self.rows.popFirst()
    }
  }

  // MARK: Compaction

  /// From now on, no revision below this one can be read. What can be given up by it is removed by
  /// ``removeCompacted(most:)``.
  /// - Throws: for a revision that was compacted before, and for a future one.
  package mutating func compact(_ revision: Int64) throws(RevisionError) {
    guard revision > self.compacted else { throw .compacted }
    guard revision <= self.revision else { throw .futureRevision }
    self.compacted = revision
    self.sweptDeletions = nil
    self.journal.append(.compaction(revision))
  }

  /// Removes versions that no revision shows any longer.
  /// - Parameter most: how many revisions' changes, and as many deletions, are looked at, so that nobody waits long.
  /// - Returns: whether all of them are gone.
  package mutating func removeCompacted(most: Int = .max) -> Bool {
    var old: [RevisionHistory.Link] = []
    var count = 0
    self.changes.forEachLink(from: self.swept) { link in
      guard link.revision.main <= self.compacted, count < most else { return false }
      if link.revision.main < self.compacted { count += 1 }
      old.append(link)
      return true
    }
    for link in old {
      // A watcher may begin at the compacted revision.
      if link.former.main < self.compacted {
        self.removeChange(link.former)
        self.changes.forgetFormer(of: link.revision)
      }
      guard link.revision.main < self.compacted else { continue }
      self.swept = Revision(main: link.revision.main, sub: link.revision.sub + 1)
      // A deletion shows nothing, and what was before it is gone.
      if link.isDeletion { self.removeChange(link.revision) }
    }
    return count < most && self.removeCompactedDeletions(most: most)
  }

  private mutating func removeCompactedDeletions(most: Int) -> Bool {
    var gone: [RevisionKey] = []
    var count = 0
    var next: RevisionKey?
    self.deletions.forEach(from: self.sweptDeletions) { deletion in
      guard count < most else {
        next = deletion.key
        return false
      }
      count += 1
      if deletion.modRevision < self.compacted { gone.append(deletion.key) }
      return true
    }
    for key in gone { self.deletions.remove(key) }
    self.sweptDeletions = next
    return next == nil
  }

  private mutating func removeChange(_ revision: Revision) {
    if self.changes.remove(revision) { self.journal.append(.removal(revision)) }
  }
}
