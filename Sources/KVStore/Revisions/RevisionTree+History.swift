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

extension RevisionTree {
  // MARK: Events

  /// The changes in a range. All of one revision are in one batch.
  /// - Parameters:
  ///   - revision: the first one.
  ///   - mostBytes: of keys and values, unless they are of a single revision.
  ///   - mostChanges: of this range or not, that are looked at, unless they are of a single revision.
  /// - Throws: ``RevisionError/compacted``.
  package func events(
    in range: KeyRange, from revision: Int64, mostBytes: Int = .max, mostChanges: Int = .max
  ) throws(RevisionError) -> EventBatch {
    guard revision >= self.compacted else { throw .compacted }
    var batch = EventBatch(next: max(revision, self.revision + 1))
    var (byteCount, changeCount, last) = (0, 0, revision)
    self.changes.forEach(from: Revision(main: revision, sub: 0)) { change in
      let (main, key) = (change.orderKey.main, change.pair.key)
      if main != last, byteCount >= mostBytes || changeCount >= mostChanges {
        batch.next = main
        return false
      }
      last = main
      changeCount += 1
      guard range.contains(key) else { return true }
      byteCount += key.bytes.count + change.pair.value.count
      batch.events.append(self.event(of: change.pair))
      return true
    }
    return batch
  }

  /// The change of this revision, if it can be read.
  package func event(at revision: Revision) -> RevisionEvent? {
    self.changes[revision].map { self.event(of: $0.pair) }
  }

  private func event(of pair: KeyValue) -> RevisionEvent {
    var previous: KeyValue?
    // A birth has nothing before it, even of a key that its transaction has deleted. Source: etcd's `isCreateEvent`.
    if pair.createRevision != pair.modRevision {
      previous = self.changes[pair.former]?.pair
      // What it was before the transaction, which may have put the key and deleted it.
      while let former = previous, former.modRevision == pair.modRevision {
        previous = self.changes[former.former]?.pair
      }
    }
    return RevisionEvent(
      key: pair.key, revision: pair.revision, pair: pair.isDeletion ? nil : pair,
      previous: previous.flatMap { $0.isDeletion ? nil : $0 })
  }

  // MARK: Compaction

  /// From now on, no revision below this one can be read. What can be given up by it is removed by
  /// ``removeCompacted(most:)``.
  /// - Throws: for a revision that was compacted before, and for a future one.
  package mutating func compact(_ revision: Int64) throws(RevisionError) {
    guard revision > self.compacted else { throw .compacted }
    guard revision <= self.revision else { throw .futureRevision }
    self.compacted = revision
    self.journal.append(.compaction(revision))
  }

  /// Removes versions that no revision shows any longer.
  /// - Parameter most: how many revisions' changes are removed, so that nobody waits long.
  /// - Returns: whether all of them are gone.
  package mutating func removeCompacted(most: Int = .max) -> Bool {
    var old: [KeyValue] = []
    var count = 0
    self.changes.forEach(from: self.swept) { change in
      guard change.orderKey.main <= self.compacted, count < most else { return false }
      if change.orderKey.main < self.compacted { count += 1 }
      old.append(change.pair)
      return true
    }
    for pair in old {
      // A watcher may begin at the compacted revision.
      if pair.former.main < self.compacted { self.removeChange(pair.former) }
      guard pair.modRevision < self.compacted else { continue }
      self.swept = Revision(main: pair.modRevision, sub: pair.sub + 1)
      // A deletion shows nothing, and what was before it is gone.
      guard pair.isDeletion else { continue }
      self.removeChange(pair.revision)
      if self.deletions[pair.key] === pair { self.deletions.remove(pair.key) }
    }
    return count < most
  }

  private mutating func removeChange(_ revision: Revision) {
    guard self.changes[revision] != nil else { return }
    self.changes.remove(revision)
    self.journal.append(.removal(revision))
  }
}
