/// One batch of changes, as a value: which changes one commit has, and what follows when it succeeds or fails.
///
/// It has no thread, no disk and no clock. The caller hands in all waiting requests, carries out the effects
/// in order, and answers ``Effect/commit(_:_:at:)`` by ``committed()`` or ``refused(cause:at:)`` before anything
/// else. The keyspaces of v2 and v3 share batches, and nothing else.
///
/// Invariants:
/// 1. Nothing is published or answered before it is on disk. A lease that is kept alive is no change of the disk.
/// 2. A failed commit leaves ``tree`` and ``revisions`` as they were, and refuses every request of its batch.
/// 3. A due key expires, and a due lease ends, before any later request.
package struct StoreWriter: Sendable {
  package enum Effect: Sendable {
    /// Make these durable, all or none.
    /// - Parameter time: at which the batch was begun.
    case commit([Change], [RevisionChange], at: StoreTime)
    /// Make the tree the snapshot of readers, then deliver the changes to watchers.
    case publish(KeyTree, [Change])
    /// The same for v3.
    case publishRevisions(RevisionTree, [RevisionChange])
    /// The results of the batch, in the order of its requests.
    case answer([Result<Event, StoreError>], [Result<RevisionOutcome, RevisionError>])
  }

  /// As on disk.
  package private(set) var tree: KeyTree
  /// As on disk, but for leases that were kept alive since, and versions that no revision shows any longer.
  package private(set) var revisions: RevisionTree
  /// Whether memory may have versions that a compaction has given up.
  private var isCompacting: Bool
  /// The tables have all of v3 up to this revision.
  private var writtenThrough: Int64
  private var expiries: ExpiryQueue
  /// The next try after a failed commit with expiries.
  private var retryAt: StoreTime?
  private var batch: Batch?

  private struct Batch: Sendable {
    /// `nil` where nothing of it has changed.
    var tree: KeyTree?
    var changes: [Change] = []
    var expiries: [ExpiryQueue.Entry] = []
    var results: [Result<Event, StoreError>] = []
    var revisions: RevisionTree?
    var revisionChanges: [RevisionChange] = []
    var revisionResults: [Result<RevisionOutcome, RevisionError>] = []
    /// Whether it has changes that nobody asked for.
    var isDue = false
  }

  /// - Parameters:
  ///   - tree: as on disk.
  ///   - revisions: as on disk.
  package init(tree: KeyTree, revisions: RevisionTree = RevisionTree()) {
    self.tree = tree
    self.revisions = revisions
    self.isCompacting = revisions.compacted > 0
    self.writtenThrough = revisions.revision
    self.expiries = ExpiryQueue(tree)
  }

  /// When something is to be done even without a request; `nil` for never.
  package mutating func nextDeadline() -> StoreTime? {
    if let retryAt { return retryAt }
    let expiry = self.expiries.nextDeadline(in: self.tree)
    guard let end = self.revisions.nextDue?.deadline else { return expiry }
    return expiry.map { min($0, end) } ?? end
  }

  /// Applies what is due and then the requests to copies of the trees.
  /// - Parameter random: where a lease is to be given an id, the id comes from this.
  package mutating func begin(
    _ commands: some Collection<Command>, _ revisionCommands: [RevisionCommand] = [],
    random: UInt64 = 0, at now: StoreTime
  ) -> [Effect] {
    precondition(self.batch == nil, "the batch before has not been settled")
    // What is due waits alone for its next try; a request is never judged by what is over.
    let takesDue =
      !commands.isEmpty || !revisionCommands.isEmpty || self.retryAt.map { $0 <= now } ?? true
    var batch = Batch()
    self.apply(commands, to: &batch, takesDue: takesDue, at: now)
    self.apply(revisionCommands, random, to: &batch, takesDue: takesDue, at: now)
    guard batch.changes.isEmpty, !batch.revisionChanges.contains(where: \.isLogged) else {
      let logged = batch.revisionChanges.filter(\.isLogged)
      self.batch = batch
      return [.commit(batch.changes, logged, at: now)]
    }
    return self.settle(batch)
  }

  private mutating func apply(
    _ commands: some Collection<Command>, to batch: inout Batch, takesDue: Bool, at now: StoreTime
  ) {
    var tree = self.tree
    let due = takesDue ? self.expiries.takeDue(at: now, in: tree) : []
    for entry in due {
      let expiry = Command.expire(entry.path, deadline: entry.deadline)
      if let change = try? tree.apply(expiry, now: now) { batch.changes.append(change) }
    }
    for command in commands {
      do throws(StoreError) {
        guard let change = try tree.apply(command, now: now) else {
          preconditionFailure("an expiry is no request: \(command)")
        }
        batch.changes.append(change)
        batch.results.append(.success(change.event))
      } catch {
        batch.results.append(.failure(error))
      }
    }
    batch.expiries = due
    batch.isDue = !due.isEmpty
    if !batch.changes.isEmpty { batch.tree = tree }
  }

  private func apply(
    _ commands: [RevisionCommand], _ random: UInt64, to batch: inout Batch, takesDue: Bool,
    at now: StoreTime
  ) {
    let isDue = takesDue && self.revisions.nextDue.map { $0.deadline <= now } ?? false
    guard isDue || !commands.isEmpty else { return }
    var revisions = self.revisions
    revisions.formerRevision = revisions.revision
    if isDue {
      revisions.endLeases(dueAt: now)
      batch.isDue = true
    }
    for command in commands {
      batch.revisionResults.append(
        Result { () throws(RevisionError) in
          try revisions.apply(command, now: now, random: random)
        })
    }
    batch.revisionChanges = revisions.takeChanges()
    if !batch.revisionChanges.isEmpty { batch.revisions = revisions }
  }

  /// The disk has the changes.
  package mutating func committed() -> [Effect] {
    guard let batch = self.batch.take() else { return [] }
    self.retryAt = nil
    return self.settle(batch)
  }

  private mutating func settle(_ batch: Batch) -> [Effect] {
    var effects: [Effect] = []
    if let tree = batch.tree {
      self.tree = tree
      for change in batch.changes { self.expiries.add(change.event) }
      effects.append(.publish(tree, batch.changes))
    }
    if let revisions = batch.revisions {
      if revisions.compacted > self.revisions.compacted { self.isCompacting = true }
      self.revisions = revisions
      effects.append(.publishRevisions(revisions, batch.revisionChanges))
    }
    effects.append(.answer(batch.results, batch.revisionResults))
    return effects
  }

  /// The disk has none of the changes.
  package mutating func refused(cause: String, at now: StoreTime) -> [Effect] {
    guard let batch = self.batch.take() else { return [] }
    self.expiries.putBack(batch.expiries)
    self.retryAt = batch.isDue ? now.advanced(bySeconds: 1) : nil
    let refusal = StoreError(.internalError, cause: cause, index: self.tree.index)
    return [
      .answer(
        batch.results.map { _ in .failure(refusal) },
        batch.revisionResults.map { _ in .failure(.unavailable(cause)) })
    ]
  }

  /// The tables have been brought up to date with a keyspace of v3.
  package mutating func written(through revision: Int64) {
    self.writtenThrough = max(self.writtenThrough, revision)
  }

  /// Whether memory holds something of v3 that it need not.
  package var isSweeping: Bool {
    self.isCompacting || self.revisions.changes.canArchive(writtenThrough: self.writtenThrough)
  }

  /// Gives up some of what a compaction has made unreadable, and of what the tables have, between two batches. The disk
  /// follows.
  package mutating func sweep() -> [Effect] {
    guard self.isSweeping, self.batch == nil else { return [] }
    if self.isCompacting {
      self.isCompacting = !self.revisions.removeCompacted(most: Self.sweptAtOnce)
    }
    let archivedThrough = self.revisions.changes.archivedThrough
    self.revisions.changes.archive(
      writtenThrough: self.writtenThrough, most: Self.archivedAtOnce)
    let changes = self.revisions.takeChanges()
    return changes.isEmpty && self.revisions.changes.archivedThrough == archivedThrough
      ? [] : [.publishRevisions(self.revisions, changes)]
  }

  /// Changes of keys. The requests that come meanwhile wait about a millisecond.
  private static let sweptAtOnce = 200
  /// Changes that leave memory, each of which is quicker: it is only added at the end.
  private static let archivedAtOnce = 2_000
}
