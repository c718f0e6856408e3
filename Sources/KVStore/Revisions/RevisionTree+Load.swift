/// Reading a keyspace from its tables.
extension RevisionTree {
  /// Takes in the changes that the tables have, in their order, then the leases, and says what contradicts itself.
  ///
  /// Rows up to the compacted revision may be those of a compaction that had not removed all of them.
  package struct Loader {
    package private(set) var tree = RevisionTree()
    /// What no revision shows any longer.
    package private(set) var obsolete: [Revision] = []
    private var last: Revision
    /// Each key's last change. A dictionary finds it quicker among many keys than the tree, which is made at the end.
    private var latest: [RevisionKey: KeyValue] = [:]
    private let staysArchived: Bool

    /// - Parameter staysArchived: whether memory takes in no more than each key's last change, since the tables can be
    ///   read later.
    package init(revision: Int64, compacted: Int64, staysArchived: Bool = false) {
      self.staysArchived = staysArchived
      self.tree.revision = revision
      self.tree.compacted = compacted
      self.tree.swept = Revision(main: compacted, sub: 0)
      // The first change has revision 2.
      self.last = Revision(main: max(compacted, 1), sub: .max)
    }

    /// - Parameter pair: `nil` for a deletion.
    /// - Returns: what is wrong.
    package mutating func add(_ key: RevisionKey, _ pair: KeyValue?, at revision: Revision)
      -> String?
    {
      guard revision.main > 1, revision.main <= self.tree.revision,
        (0...RevisionHistory.mostSub).contains(revision.sub)
      else {
        return "\(revision) is not among those up to \(self.tree.revision)"
      }
      let latest = self.latest[key]
      var former = latest
      if revision.main <= self.tree.compacted {
        if self.giveUp(latest) { former = nil }
        if pair == nil, revision.main < self.tree.compacted {
          self.obsolete.append(revision)
          self.latest[key] = nil
          return nil
        }
      } else {
        guard revision == self.next(revision.main) else {
          return "\(self.next(revision.main)) is missing"
        }
        guard pair?.follows(latest, at: revision.main) ?? (latest?.isDeletion == false) else {
          return "\(revision) cannot follow on what its key was before"
        }
        self.last = revision
      }
      let placed =
        pair?.placed(at: revision, after: latest)
        ?? KeyValue(deletionOf: key, at: revision, after: latest)
      self.tree.changes.load(placed, after: former, isArchived: self.staysArchived)
      self.latest[placed.key] = placed
      return nil
    }

    /// What the compacted revision does not show any longer, unless a watcher may begin at it.
    private mutating func giveUp(_ pair: KeyValue?) -> Bool {
      guard let pair, pair.modRevision < self.tree.compacted else { return false }
      self.obsolete.append(pair.revision)
      return self.tree.changes.remove(pair.revision)
    }

    private func next(_ main: Int64) -> Revision {
      main == self.last.main
        ? Revision(main: main, sub: self.last.sub + 1) : Revision(main: self.last.main + 1, sub: 0)
    }

    /// - Parameter lease: without its keys, which the pairs tell.
    package mutating func add(_ lease: LeaseTable.Lease) {
      self.tree.leases.grant(.init(id: lease.id, ttl: lease.ttl, deadline: lease.deadline))
    }

    /// - Returns: what is wrong.
    package mutating func finish() -> String? {
      guard self.tree.compacted <= self.tree.revision else {
        return "\(self.tree.compacted) was compacted, and \(self.tree.revision) is the last one"
      }
      guard self.last.main == self.tree.revision else {
        return "\(self.last.main + 1) is missing, and so is all up to \(self.tree.revision)"
      }
      for pair in self.latest.values.sorted(by: { $0.key < $1.key }) {
        if pair.isDeletion {
          self.tree.deletions.insert(pair)
        } else {
          self.tree.pairs.insert(pair)
        }
      }
      self.latest = [:]
      var attached: [KeyValue] = []
      self.tree.pairs.forEach { pair in
        if pair.lease != 0 { attached.append(pair) }
        return true
      }
      for pair in attached {
        guard self.tree.leases[pair.lease] != nil else {
          return "\(pair.modRevision) has the lease \(pair.lease), which is not there"
        }
        self.tree.leases.attach(pair.key, to: pair.lease)
      }
      return nil
    }
  }
}

extension Revision: CustomStringConvertible {
  package var description: String { self.sub == 0 ? "\(self.main)" : "\(self.main).\(self.sub)" }
}
