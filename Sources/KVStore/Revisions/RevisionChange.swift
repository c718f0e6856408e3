/// What a request, the end of a lease or a compaction has changed in the v3 keyspace: what the disk and the watchers
/// are told of it.
package enum RevisionChange: Equatable, Sendable {
  case put(KeyValue, Revision)
  case deletion(RevisionKey, Revision)
  /// - Parameter ttl: in seconds.
  case grant(id: Int64, ttl: Int64, deadline: StoreTime)
  /// The deletions of its keys follow.
  case end(Int64)
  case compaction(Int64)
  /// A lease has its whole TTL again. A start gives it the whole TTL anyway, unless the store was stopped in good
  /// order, so nobody waits for the disk.
  case renewal(Int64)
  /// What a key was at this revision cannot be read any more.
  case removal(Revision)

  /// Whether a start needs to find it in the log.
  package var isLogged: Bool {
    switch self {
    case .put, .deletion, .grant, .end, .compaction: true
    case .renewal, .removal: false
    }
  }

  /// Of a change that watchers are told.
  package var key: RevisionKey? {
    switch self {
    case .put(let pair, _): pair.key
    case .deletion(let key, _): key
    case .grant, .end, .compaction, .renewal, .removal: nil
    }
  }

  /// Of a change of a key.
  package var revision: Revision? {
    switch self {
    case .put(_, let revision), .deletion(_, let revision): revision
    case .grant, .end, .compaction, .renewal, .removal: nil
    }
  }
}

extension RevisionTree {
  /// What has been done since the last call, in order.
  package mutating func takeChanges() -> [RevisionChange] {
    defer { self.journal = [] }
    return self.journal
  }

  /// Makes a change of the log again on the tree before it.
  /// - Returns: whether it can have followed on this tree. If not, the tree is as it was.
  package mutating func redo(_ change: RevisionChange) -> Bool {
    switch change {
    case .put(let pair, let revision):
      let latest = self.latest(of: pair.key)
      guard self.isNext(revision), pair.follows(latest, at: revision.main),
        pair.lease == 0 || self.leases[pair.lease] != nil
      else { return false }
      self.keep(pair.placed(at: revision, after: latest), inPlaceOf: latest)
      self.revision = revision.main
    case .deletion(let key, let revision):
      guard self.isNext(revision), let pair = self.pairs[key] else { return false }
      self.keep(KeyValue(deletionOf: key, at: revision, after: pair), inPlaceOf: pair)
      self.revision = revision.main
    case .grant(let id, let ttl, let deadline):
      guard id != 0, self.leases[id] == nil else { return false }
      self.grant(LeaseTable.Lease(id: id, ttl: ttl, deadline: deadline))
    case .end(let id):
      guard self.leases.remove(id) != nil else { return false }
      self.journal.append(change)
    case .compaction(let revision): return (try? self.compact(revision)) != nil
    case .renewal, .removal: return false
    }
    return true
  }

  /// The next transaction, or the next change of this one.
  private func isNext(_ revision: Revision) -> Bool {
    revision.sub == 0
      ? revision.main == self.revision + 1
      : revision.main == self.revision
        && self.changes.contains(Revision(main: revision.main, sub: revision.sub - 1))
  }
}

extension KeyValue {
  /// Whether a put can have made this of what the key was before, or after its deletion.
  func follows(_ former: KeyValue?, at revision: Int64) -> Bool {
    let previous = former.flatMap { $0.isDeletion ? nil : $0 }
    return self.modRevision == revision && self.version == (previous?.version ?? 0) + 1
      && self.createRevision == previous?.createRevision ?? revision
  }
}
