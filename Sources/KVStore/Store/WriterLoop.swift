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
package struct WriterLoop: Sendable {
  package enum Step: Sendable {
    /// Wait for requests, for the end of an update or of the store, or until this instant; answered by
    /// ``received(_:isClosing:at:)``. `nil` is no instant.
    case wait(until: StoreTime?)
    /// Make these durable, all or none; answered by ``committed(at:)`` or ``refused(cause:at:)``.
    /// - Parameter time: at which the batch was begun.
    case commit([Change], at: StoreTime)
    /// Make the tree the snapshot of readers, then deliver the changes to watchers.
    case publish(KeyTree, [Change])
    /// The results of the batch, in the order of its requests.
    case answer([Result<Event, StoreError>])
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

  private enum End {
    /// Next: `closing`, when the store stops and nothing waits.
    case open
    /// An update may be under way, and the last one is to come. Next: `last`.
    case closing
    /// The last update of the tables. Next: `closed`, whatever comes of it.
    case last
    case closed
  }

  /// - Parameter tree: as in the tables.
  package init(tree: KeyTree) {
    self.writer = StoreWriter(tree: tree)
    self.backlog = Backlog(tree: tree)
  }

  /// The keyspace as it is on disk.
  package var tree: KeyTree { self.writer.tree }

  /// The next step. It has to be answered before the next call, but for an update of the tables.
  package mutating func next(at now: StoreTime) -> Step {
    if let step = self.steps.popFirst() { return step }
    if self.folding == nil {
      switch self.end {
      case .open:
        if let foldAt, foldAt <= now { return self.fold() }
      case .closing:
        self.end = .last
        return self.fold()
      case .last, .closed:
        self.end = .closed
        return .close
      }
    }
    guard case .open = self.end else { return .wait(until: nil) }
    let fold = self.folding == nil ? self.foldAt : nil
    return .wait(until: [self.writer.nextDeadline(), fold].compactMap(\.self).min())
  }

  private mutating func fold() -> Step {
    let backlog = self.backlog
    self.folding = backlog
    self.backlog = Backlog(tree: backlog.tree)
    self.foldAt = nil
    return .fold(backlog)
  }

  /// The requests that waited.
  /// - Parameter isClosing: the store stops, and no request follows.
  package mutating func received(_ commands: [Command], isClosing: Bool, at now: StoreTime) {
    if isClosing, commands.isEmpty {
      if case .open = self.end { self.end = .closing }
    } else {
      self.follow(self.writer.begin(commands, at: now))
    }
  }

  /// The disk has the changes.
  package mutating func committed(at now: StoreTime) {
    let effects = self.writer.committed()
    for case .publish(let tree, let changes) in effects { self.backlog.add(changes, tree: tree) }
    if self.backlog.byteCount >= Backlog.byteLimit {
      self.foldAt = now
    } else if self.foldAt == nil {
      self.foldAt = StoreTime(nanoseconds: now.nanoseconds &+ Self.foldDelay)
    }
    self.follow(effects)
  }

  /// The disk has none of the changes.
  package mutating func refused(cause: String, at now: StoreTime) {
    self.follow(self.writer.refused(cause: cause, at: now))
  }

  /// The tables are up to date.
  package mutating func folded() { self.folding = nil }

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
      case .commit(let changes, let time): self.steps.append(.commit(changes, at: time))
      case .publish(let tree, let changes): self.steps.append(.publish(tree, changes))
      case .answer(let results): self.steps.append(.answer(results))
      }
    }
  }
}
