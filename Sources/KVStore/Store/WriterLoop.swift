import DequeModule

/// The order of the writer's steps, as a value: when it takes a batch, when it updates the tables, and what it
/// waits for. ``StoreWriter`` decides what is in a batch.
///
/// Invariants:
/// 1. A batch is everything that waits. It is committed, published and answered before the next one.
/// 2. The tables are updated beside the batches, one update at a time: five seconds after the first change that
///    they lack, or once they lack ``Backlog/byteLimit``. Nothing depends on it: a failed update is repeated a
///    second later.
/// 3. A store that stops takes what waits, updates the tables once, and closes.
/// 4. What a compaction gives up, and what memory gives up once the tables have it, is removed in slices, one between two
///    batches.
package struct WriterLoop: Sendable {
  package enum Step: Sendable {
    /// Wait for requests, for the end of an update or of the store, or until this instant; answered by
    /// ``received(_:_:random:isClosing:at:)``. `nil` is no instant.
    case wait(until: StoreTime?)
    /// Make these durable, all or none; answered by ``committed(at:)`` or ``refused(cause:at:)``.
    /// - Parameter time: at which the batch was begun.
    case commit([Change], [RevisionChange], at: StoreTime)
    /// Make the tree the snapshot of readers, then deliver the changes to watchers.
    case publish(KeyTree, [Change])
    /// The same for v3.
    case publishRevisions(RevisionTree, [RevisionChange])
    /// The results of the batch, in the order of its requests.
    case answer([Result<Event, StoreError>], [Result<RevisionOutcome, RevisionError>])
    /// Begin to update the tables, and go on; ``folded()`` or ``foldFailed(at:)`` follows once it is over.
    case fold(Backlog)
    /// Nothing follows.
    case close
  }

  /// Nanoseconds from a change to the update of the tables. A person who reads them is at most twice as far
  /// behind.
  package static let foldDelay: Int64 = 5_000_000_000

  private var writer: StoreWriter
  private var steps: Deque<Step> = []
  /// What the tables lack, without what is being written.
  private var backlog: Backlog
  /// What is being written to the tables.
  private var folding: Backlog?
  /// The next update of the tables; `nil` if they lack nothing.
  private var foldAt: StoreTime?
  private var end = End.open
  /// The last step was such a slice, and requests are next.
  private var hasSwept = false

  private enum End {
    /// Next: `closing`, when the store stops and nothing waits.
    case open
    /// An update may be under way, and the last one is to come. Next: `last`.
    case closing
    /// The last update of the tables. Next: `closed`, whatever comes of it.
    case last
    case closed
  }

  /// - Parameter backlog: what the tables lack at the start.
  package init(_ backlog: Backlog) {
    self.writer = StoreWriter(tree: backlog.tree, revisions: backlog.revisions)
    self.backlog = backlog
    if !backlog.isEmpty { self.foldAt = StoreTime(nanoseconds: .min) }
  }

  /// - Parameter tree: as in the tables, beside an empty keyspace of v3.
  package init(tree: KeyTree) {
    self.init(Backlog(tree: tree, revisions: RevisionTree()))
  }

  /// The keyspace of v2 as it is on disk.
  package var tree: KeyTree { self.writer.tree }
  /// The keyspace of v3 as it is on disk.
  package var revisions: RevisionTree { self.writer.revisions }

  /// The next step. It has to be answered before the next call, but for an update of the tables.
  package mutating func next(at now: StoreTime) -> Step {
    if let step = self.steps.popFirst() { return step }
    if self.folding == nil {
      switch self.end {
      case .open:
        if let foldAt, foldAt <= now { return self.fold(at: now) }
      case .closing:
        self.end = .last
        self.backlog.isLast = true
        return self.fold(at: now)
      case .last, .closed:
        self.end = .closed
        return .close
      }
    }
    guard case .open = self.end else { return .wait(until: nil) }
    if self.writer.isSweeping {
      if !self.hasSwept {
        self.hasSwept = true
        self.follow(self.writer.sweep())
        self.planFold(at: now)
        if let step = self.steps.popFirst() { return step }
      }
      if self.writer.isSweeping { return .wait(until: now) }
    }
    let fold = self.folding == nil ? self.foldAt : nil
    return .wait(until: [self.writer.nextDeadline(), fold].compactMap(\.self).min())
  }

  private mutating func fold(at now: StoreTime) -> Step {
    let (backlog, rest) = self.backlog.split()
    self.folding = backlog
    self.backlog = rest
    self.foldAt = rest.isEmpty ? nil : now
    return .fold(backlog)
  }

  /// The tables lack something.
  private mutating func planFold(at now: StoreTime) {
    if self.backlog.byteCount >= Backlog.byteLimit {
      self.foldAt = now
    } else if self.foldAt == nil, !self.backlog.isEmpty {
      self.foldAt = StoreTime(nanoseconds: now.nanoseconds &+ Self.foldDelay)
    }
  }

  /// The requests that waited.
  /// - Parameters:
  ///   - random: where a lease is to be given an id, the id comes from this.
  ///   - isClosing: the store stops, and no request follows.
  package mutating func received(
    _ commands: [Command], _ revisionCommands: [RevisionCommand] = [], random: UInt64 = 0,
    isClosing: Bool, at now: StoreTime
  ) {
    self.hasSwept = false
    if isClosing, commands.isEmpty, revisionCommands.isEmpty {
      if case .open = self.end { self.end = .closing }
    } else {
      self.follow(self.writer.begin(commands, revisionCommands, random: random, at: now))
    }
  }

  /// The disk has the changes.
  package mutating func committed(at now: StoreTime) {
    self.follow(self.writer.committed())
    self.planFold(at: now)
  }

  /// The disk has none of the changes.
  package mutating func refused(cause: String, at now: StoreTime) {
    self.follow(self.writer.refused(cause: cause, at: now))
  }

  /// The tables are up to date.
  package mutating func folded() {
    guard let folding = self.folding.take() else { return }
    self.writer.written(through: folding.revisions.revision)
  }

  /// The tables have not changed.
  package mutating func foldFailed(at now: StoreTime) {
    guard var backlog = self.folding.take() else { return }
    backlog.add(self.backlog)
    self.backlog = backlog
    self.foldAt = now.advanced(bySeconds: 1)
  }

  private mutating func follow(_ effects: [StoreWriter.Effect]) {
    for effect in effects {
      switch effect {
      case .commit(let changes, let revisionChanges, let time):
        self.steps.append(.commit(changes, revisionChanges, at: time))
      case .publish(let tree, let changes):
        self.backlog.add(changes, tree: tree)
        self.steps.append(.publish(tree, changes))
      case .publishRevisions(let revisions, let changes):
        self.backlog.add(changes, revisions: revisions)
        self.steps.append(.publishRevisions(revisions, changes))
      case .answer(let results, let revisionResults):
        self.steps.append(.answer(results, revisionResults))
      }
    }
  }
}
