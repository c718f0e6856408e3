import DequeModule

/// The order of the writer's steps, as a value: when it takes a batch, when it updates the table of nodes, and
/// what it waits for. ``StoreWriter`` decides what is in a batch.
///
/// Invariants:
/// 1. A batch is everything that waits. It is committed, published and answered before the next one.
/// 2. The table of nodes is updated between two batches: a second after the first change that it lacks, or
///    once it lacks ``Backlog/limit`` of them. Nothing depends on it: a failed update is repeated a second
///    later.
/// 3. A store that stops takes what waits, updates the table once, and closes.
package struct WriterLoop: Sendable {
  package enum Step: Sendable {
    /// Wait for requests, for the end of the store, or until this instant; answered by
    /// ``received(_:isClosing:at:)``. `nil` is no instant.
    case wait(until: StoreTime?)
    /// Make these durable, all or none; answered by ``committed(at:)`` or ``refused(cause:at:)``.
    case commit([Change])
    /// Make the tree the snapshot of readers, then deliver the changes to watchers.
    case publish(KeyTree, [Change])
    /// The results of the batch, in the order of its requests.
    case answer([Result<Event, StoreError>])
    /// Update the table of nodes up to this index, and write the time; answered by
    /// ``folded()`` or ``foldFailed(at:)``.
    case fold(Backlog, upTo: UInt64)
    /// Nothing follows.
    case close
  }

  private var writer: StoreWriter
  private var steps: Deque<Step> = []
  /// The changes that the table of nodes lacks.
  private var backlog = Backlog()
  /// The next update of the table; `nil` if it lacks nothing.
  private var foldAt: StoreTime?
  private var end = End.open

  private enum End {
    /// Next: `closing`, when the store stops and nothing waits.
    case open
    /// The last update of the table. Next: `closed`.
    case closing
    case closed
  }

  /// - Parameter tree: as in the table of nodes.
  package init(tree: KeyTree) {
    self.writer = StoreWriter(tree: tree)
  }

  /// The keyspace as it is on disk.
  package var tree: KeyTree { self.writer.tree }

  /// The next step. It has to be answered before the next call.
  package mutating func next(at now: StoreTime) -> Step {
    if let step = self.steps.popFirst() { return step }
    switch self.end {
    case .open: break
    case .closing:
      self.end = .closed
      return .fold(self.backlog, upTo: self.writer.tree.index)
    case .closed: return .close
    }
    if let foldAt, foldAt <= now { return .fold(self.backlog, upTo: self.writer.tree.index) }
    return .wait(until: [self.writer.nextDeadline(), self.foldAt].compactMap(\.self).min())
  }

  /// The requests that waited.
  /// - Parameter isClosing: the store stops, and no request follows.
  package mutating func received(_ commands: [Command], isClosing: Bool, at now: StoreTime) {
    if isClosing, commands.isEmpty {
      self.end = .closing
    } else {
      self.follow(self.writer.begin(commands, at: now))
    }
  }

  /// The disk has the changes.
  package mutating func committed(at now: StoreTime) {
    let effects = self.writer.committed()
    for case .publish(_, let changes) in effects {
      for change in changes { self.backlog.add(change) }
    }
    if self.backlog.changeCount >= Backlog.limit {
      self.foldAt = now
    } else if self.foldAt == nil {
      self.foldAt = now.advanced(bySeconds: 1)
    }
    self.follow(effects)
  }

  /// The disk has none of the changes.
  package mutating func refused(cause: String, at now: StoreTime) {
    self.follow(self.writer.refused(cause: cause, at: now))
  }

  /// The table of nodes is up to date.
  package mutating func folded() {
    self.backlog = Backlog()
    self.foldAt = nil
  }

  /// The table of nodes has not changed.
  package mutating func foldFailed(at now: StoreTime) { self.foldAt = now.advanced(bySeconds: 1) }

  private mutating func follow(_ effects: [StoreWriter.Effect]) {
    for effect in effects {
      switch effect {
      case .commit(let changes): self.steps.append(.commit(changes))
      case .publish(let tree, let changes): self.steps.append(.publish(tree, changes))
      case .answer(let results): self.steps.append(.answer(results))
      }
    }
  }
}
