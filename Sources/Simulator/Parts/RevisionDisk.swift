import KVStore

/// The part of the store's disk that has the v3 keyspace: the tables of revisions and leases, and the log of what they
/// lack.
///
/// Source: `Schema+Revisions` and `Redone`, the same in files.
struct RevisionDisk: Sendable {
  /// `nil` for a deletion.
  private var rows: [Revision: (key: RevisionKey, pair: KeyValue?)] = [:]
  private var leases: [Int64: LeaseTable.Lease] = [:]
  private var revision: Int64 = 1
  private var compacted: Int64 = -1
  private var log: [RevisionChange] = []

  /// So much of the log goes with the next update of the tables.
  var logCount: Int { self.log.count }

  mutating func append(_ changes: [RevisionChange]) { self.log += changes }

  /// Brings the tables up to date.
  /// - Parameter logCount: the log's when the backlog was taken.
  mutating func fold(_ backlog: Backlog, logCount: Int) {
    for change in backlog.revisionChanges {
      guard let revision = change.revision, let key = change.key else { continue }
      let pair: KeyValue? = if case .put(let pair, _) = change { pair } else { nil }
      self.rows[revision] = (key, pair)
    }
    for revision in backlog.removals { self.rows[revision] = nil }
    for id in backlog.leases { self.leases[id] = backlog.revisions.leases[id] }
    self.revision = backlog.revisions.revision
    self.compacted = backlog.revisions.compacted
    self.log.removeFirst(min(logCount, self.log.count))
  }

  /// The keyspace that a start finds, all leases with their whole TTL again, and the tables brought up to date.
  /// - Returns: also what the tables still have of compactions; `nil` when tables and log contradict each other.
  mutating func start(
    beside tree: KeyTree, at now: StoreTime
  ) -> (revisions: RevisionTree, obsolete: [Revision])? {
    guard let (read, obsolete) = self.read() else { return nil }
    var revisions = read
    var backlog = Backlog(tree: tree, revisions: revisions)
    for change in self.log where !revisions.redo(change) { return nil }
    // Somebody may have been told of a renewal just before the end.
    revisions.renewAllLeases(at: now)
    backlog.add(revisions.takeChanges(), revisions: revisions)
    self.fold(backlog, logCount: self.log.count)
    return (revisions, obsolete)
  }

  private func read() -> (RevisionTree, [Revision])? {
    var loader = RevisionTree.Loader(revision: self.revision, compacted: self.compacted)
    for (revision, row) in self.rows.sorted(by: { $0.key < $1.key }) {
      guard loader.add(row.key, row.pair, at: revision) == nil else { return nil }
    }
    for (_, lease) in self.leases.sorted(by: { $0.key < $1.key }) { loader.add(lease) }
    return loader.finish() == nil ? (loader.tree, loader.obsolete) : nil
  }

  /// Whether the tables have what a keyspace has.
  func agrees(with revisions: RevisionTree) -> Bool {
    guard let (read, _) = self.read() else { return false }
    func pairs(_ tree: RevisionTree) -> [KeyValue]? {
      let all = RangeRequest(KeyRange(RevisionKey([0]), end: RevisionKey([0])))
      return try? tree.range(all).pairs
    }
    return read.revision == revisions.revision && pairs(read) == pairs(revisions)
      && read.leaseIDs == revisions.leaseIDs
  }
}
