/// What the one writer decides, as a value: which changes go to the disk together, and what follows when
/// they are there, or cannot be.
///
/// It has no thread, no disk and no clock. The caller hands in all requests that wait, carries out the
/// effects in order, and answers a ``Effect/commit(_:)`` by ``committed()`` or ``refused(cause:at:)``
/// before anything else.
///
/// What always holds:
/// 1. Nothing is published, and nobody is answered, before the disk has it.
/// 2. A commit that fails leaves ``tree`` as it was, and refuses every request of its batch.
/// 3. What is over is over before anything that came later.
package struct StoreWriter: Sendable {
  package enum Effect: Sendable {
    /// Make these durable, all or none.
    case commit([Change])
    /// Let the tree be seen, and then tell the watchers of these.
    case publish(KeyTree, [Change])
    /// The outcome of each request of the batch, in its order.
    case answer([Result<Event, StoreError>])
  }

  /// As it is on disk.
  package private(set) var tree: KeyTree
  private var expiries: ExpiryQueue
  /// After a failed commit with expiries in it: when to try again.
  private var retryAt: StoreTime?
  private var batch: Batch?

  private struct Batch: Sendable {
    let tree: KeyTree
    let changes: [Change]
    let expiries: [ExpiryQueue.Entry]
    let results: [Result<Event, StoreError>]
  }

  /// So many expiries go into one batch; those beyond take their turn after the requests that have
  /// come in meanwhile.
  private static let expiriesPerBatch = 512

  /// - Parameter tree: as it was found on disk.
  package init(tree: KeyTree) {
    self.tree = tree
    self.expiries = ExpiryQueue(tree)
  }

  /// When something is to be done even without a request; `nil` for never.
  package mutating func nextDeadline() -> StoreTime? {
    self.retryAt ?? self.expiries.nextDeadline(in: self.tree)
  }

  /// Applies what is due and then the requests to a copy of the tree.
  package mutating func begin(_ commands: some Sequence<Command>, at now: StoreTime) -> [Effect] {
    precondition(self.batch == nil, "the batch before has not been settled")
    var tree = self.tree
    var changes: [Change] = []
    var due: [ExpiryQueue.Entry] = []
    if self.retryAt.map({ $0 <= now }) ?? true {
      due = self.expiries.takeDue(at: now, in: tree, limit: Self.expiriesPerBatch)
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
    return [.commit(changes)]
  }

  /// The disk has the changes.
  package mutating func committed() -> [Effect] {
    guard let batch = self.batch.take() else { return [] }
    self.tree = batch.tree
    self.retryAt = nil
    for written in batch.changes.lazy.flatMap(\.written) {
      self.expiries.add(written.node, at: written.path)
    }
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
