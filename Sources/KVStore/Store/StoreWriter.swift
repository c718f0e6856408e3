/// One batch of changes, as a value: which changes one commit has, and what follows when it succeeds or fails.
///
/// It has no thread, no disk and no clock. The caller hands in all waiting requests, carries out the effects
/// in order, and answers ``Effect/commit(_:at:)`` by ``committed()`` or ``refused(cause:at:)`` before anything
/// else.
///
/// Invariants:
/// 1. Nothing is published or answered before it is on disk.
/// 2. A failed commit leaves ``tree`` as it was, and refuses every request of its batch.
/// 3. A due key expires before any later request.
package struct StoreWriter: Sendable {
  package enum Effect: Sendable {
    /// Make these durable, all or none.
    /// - Parameter time: at which the batch was begun.
    case commit([Change], at: StoreTime)
    /// Make the tree the snapshot of readers, then deliver the changes to watchers.
    case publish(KeyTree, [Change])
    /// The results of the batch, in the order of its requests.
    case answer([Result<Event, StoreError>])
  }

  /// As on disk.
  package private(set) var tree: KeyTree
  private var expiries: ExpiryQueue
  /// The next try after a failed commit with expiries.
  private var retryAt: StoreTime?
  private var batch: Batch?

  private struct Batch: Sendable {
    let tree: KeyTree
    let changes: [Change]
    let expiries: [ExpiryQueue.Entry]
    let results: [Result<Event, StoreError>]
  }

  /// - Parameter tree: as on disk.
  package init(tree: KeyTree) {
    self.tree = tree
    self.expiries = ExpiryQueue(tree)
  }

  /// When something is to be done even without a request; `nil` for never.
  package mutating func nextDeadline() -> StoreTime? {
    self.retryAt ?? self.expiries.nextDeadline(in: self.tree)
  }

  /// Applies due expiries and then the requests to a copy of the tree.
  package mutating func begin(_ commands: some Collection<Command>, at now: StoreTime) -> [Effect] {
    precondition(self.batch == nil, "the batch before has not been settled")
    var tree = self.tree
    var changes: [Change] = []
    var due: [ExpiryQueue.Entry] = []
    // Expiries alone wait for their next try; a request is never judged by a key that is over.
    if !commands.isEmpty || self.retryAt.map({ $0 <= now }) ?? true {
      due = self.expiries.takeDue(at: now, in: tree)
    }
    for entry in due {
      let expiry = Command.expire(entry.path, deadline: entry.deadline)
      if let change = try? tree.apply(expiry, now: now) { changes.append(change) }
    }
    var results: [Result<Event, StoreError>] = []
    for command in commands {
      do throws(StoreError) {
        guard let change = try tree.apply(command, now: now) else {
          preconditionFailure("an expiry is no request: \(command)")
        }
        changes.append(change)
        results.append(.success(change.event))
      } catch {
        results.append(.failure(error))
      }
    }
    guard !changes.isEmpty else { return [.answer(results)] }
    self.batch = Batch(tree: tree, changes: changes, expiries: due, results: results)
    return [.commit(changes, at: now)]
  }

  /// The disk has the changes.
  package mutating func committed() -> [Effect] {
    guard let batch = self.batch.take() else { return [] }
    self.tree = batch.tree
    self.retryAt = nil
    for change in batch.changes { self.expiries.add(change.event) }
    return [.publish(batch.tree, batch.changes), .answer(batch.results)]
  }

  /// The disk has none of the changes.
  package mutating func refused(cause: String, at now: StoreTime) -> [Effect] {
    guard let batch = self.batch.take() else { return [] }
    self.expiries.putBack(batch.expiries)
    self.retryAt = batch.expiries.isEmpty ? nil : now.advanced(bySeconds: 1)
    let refusal = StoreError(.internalError, cause: cause, index: self.tree.index)
    return [.answer(batch.results.map { _ in .failure(refusal) })]
  }
}
