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
    self.changes.forEach(from: Revision(main: revision, sub: 0)) { place, key in
      if place.main != last, byteCount >= mostBytes || changeCount >= mostChanges {
        batch.next = place.main
        return false
      }
      last = place.main
      changeCount += 1
      guard range.contains(key) else { return true }
      let event = self.event(of: key, at: place)
      byteCount += key.bytes.count + (event.pair?.value.count ?? 0)
      batch.events.append(event)
      return true
    }
    return batch
  }

  private func event(of key: RevisionKey, at revision: Revision) -> RevisionEvent {
    let place = VersionKey(key: key, revision: revision)
    let pair = self.versions[place] ?? nil
    // A birth has nothing before it, even of a key that its transaction has deleted. Source: etcd's `isCreateEvent`.
    if pair?.createRevision == revision.main {
      return RevisionEvent(key: key, revision: revision, pair: pair, previous: nil)
    }
    // What it was before the transaction, which may have put the key and deleted it.
    let before = VersionKey(key: key, revision: Revision(main: revision.main, sub: 0))
    let former = self.versions.last(before: before).flatMap { $0.key.key == key ? $0.value : nil }
    return RevisionEvent(key: key, revision: revision, pair: pair, previous: former)
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
    var old: [(Revision, RevisionKey)] = []
    var count = 0
    self.changes.forEach { revision, key in
      guard revision.main <= self.compacted, count < most else { return false }
      if revision.main < self.compacted { count += 1 }
      old.append((revision, key))
      return true
    }
    for (revision, key) in old {
      let place = VersionKey(key: key, revision: revision)
      if let (former, _) = self.versions.last(before: place), former.key == key {
        self.versions.remove(former)
        self.journal.append(.removal(former.revision))
      }
      // A deletion shows nothing, and the version before it is gone.
      let isDeletion = (self.versions[place] ?? nil) == nil
      if isDeletion { self.versions.remove(place) }
      // A watcher may begin at the compacted revision.
      guard revision.main < self.compacted else { continue }
      self.changes.remove(revision)
      if isDeletion { self.journal.append(.removal(revision)) }
    }
    return count < most
  }
}
