import DequeModule

/// What the one writer does next, as a value: when it takes a batch, when it brings the table of nodes up to
/// date, and what it waits for. What is in a batch is decided by ``StoreWriter``.
///
/// What always holds:
/// 1. A batch is everything that waits. It is committed, published and answered before the next one is
///    taken.
/// 2. The table of nodes is brought up to date between two batches: a second after the first change that it
///    lacks, or as soon as it lacks ``Backlog/limit`` of them. Without it nothing is lost; one that fails is
///    tried again a second later.
/// 3. A store that is told to stop takes what waits, brings the table up to date once, and closes.
package struct WriterLoop: Sendable {
  package enum Step: Sendable {
    /// Wait until there are requests, or the store is told to stop, or this instant has come; answered by
    /// ``took(_:isClosing:at:)``. `nil` is no instant.
    case wait(until: StoreTime?)
    /// Make these durable, all or none; answered by ``committed(at:)`` or ``refused(cause:at:)``.
    case commit([Change])
    /// Let the tree be seen, and then tell the watchers of these.
    case publish(KeyTree, [Change])
    /// The outcome of each request that was taken last, in its order.
    case answer([Result<Event, StoreError>])
    /// Bring the table of nodes up to date, up to this index, and note down what time it is; answered by
    /// ``folded()`` or ``foldFailed(at:)``.
    case fold(Backlog, upTo: UInt64)
    /// Nothing follows.
    case close
  }

  private var writer: StoreWriter
  private var steps: Deque<Step> = []
  /// What the table of nodes lacks.
  private var backlog = Backlog()
  /// When the table is to be brought up to date; `nil` while it is.
  private var foldAt: StoreTime?
  private var end = End.open

  private enum End {
    /// To `closing` when the store is told to stop and nothing waits.
    case open
    /// The table is yet to be brought up to date. To `closed`.
    case closing
    case closed
  }

  /// - Parameter tree: as it was found on disk, in the table of nodes.
  package init(tree: KeyTree) {
    self.writer = StoreWriter(tree: tree)
  }

  /// The keyspace as it is on disk.
  package var tree: KeyTree { self.writer.tree }

  /// The next step, which is to be answered before this is asked again.
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

  /// Everything that waits was taken.
  /// - Parameter isClosing: whether the store is told to stop, so that no request follows on these.
  package mutating func took(_ commands: [Command], isClosing: Bool, at now: StoreTime) {
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

  /// The table of nodes has everything.
  package mutating func folded() {
    self.backlog = Backlog()
    self.foldAt = nil
  }

  /// The table of nodes is as it was.
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
