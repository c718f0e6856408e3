import EtcdMessages
import Foundation
import NIOCore
import SwiftProtobuf

/// A call that puts a key into a ``Queue`` and ends when it is the first: a lock's, or a candidate's.
///
/// A client that leaves while it waits leaves the queue, too.
final class QueueCall<Query: Message>: CallHandler {
  /// What the client wants.
  struct Wish: Sendable {
    let name: Data
    let lease: Int64
    /// `nil` if what is there may stay.
    var value: Data?
  }

  private enum Phase {
    case waitingForQuery
    /// The writer has the key.
    case entering
    /// - Parameter watch: the store's number of the watch on the key ahead.
    case waiting(bornAt: Int64, watch: UInt64?)
    case over
  }

  private let services: Services
  private let head: CallHead
  private let answers: any CallAnswers
  private let wish: @Sendable (Query) -> Wish
  /// - Parameters: what was asked, the lease's key, the revision of its birth, the keyspace's.
  private let answer: @Sendable (CallHead, Entry) -> ByteBuffer
  private var phase = Phase.waitingForQuery
  private var entry: Entry?

  /// A key in the queue.
  struct Entry: Sendable {
    let name: Data
    let lease: Int64
    let key: RevisionKey
    var bornAt: Int64 = 0
    var header = V3ResponseHeader()

    var queue: Queue { Queue(name: self.name) }
  }

  init(
    _ services: Services, _ head: CallHead, _ answers: any CallAnswers,
    _ wish: @escaping @Sendable (Query) -> Wish,
    _ answer: @escaping @Sendable (CallHead, Entry) -> ByteBuffer
  ) {
    self.services = services
    self.head = head
    self.answers = answers
    self.wish = wish
    self.answer = answer
  }

  func received(_ message: ByteBuffer) {
    guard case .waitingForQuery = self.phase else { return }
    self.phase = .entering
    do throws(RPCStatus) {
      let wish = self.wish(try self.head.decode(Query.self, message))
      guard wish.lease == 0 else { return self.enter(wish, wish.lease) }
      // Source: the TTL of `concurrency.NewSession`.
      self.submit(.grant(id: 0, ttl: 60)) { answer, _ in
        if case .granted(let id, _) = answer { self.enter(wish, id) }
      }
    } catch {
      self.end(error)
    }
  }

  /// Hands a request to the writer, and goes on with what becomes of it.
  private func submit(
    _ command: RevisionCommand,
    _ then: @escaping (RevisionOutcome.Answer, V3ResponseHeader) -> Void
  ) {
    let bound = NIOLoopBound((self, then), eventLoop: self.head.loop)
    let services = self.services
    services.store.submit(command, on: self.head.loop) { result in
      let (call, then) = bound.value
      switch result {
      case .success(let outcome): then(outcome.answer, services.header(outcome.revision))
      // The services of locks and elections have this code for everything.
      case .failure(let error): call.end(RPCStatus(.unknown, error.text))
      }
    }
  }

  private func enter(_ wish: Wish, _ lease: Int64) {
    let queue = Queue(name: wish.name)
    var entry = Entry(name: wish.name, lease: lease, key: queue.key(of: lease))
    let request = queue.entry(of: lease, value: wish.value ?? Data())
    do throws(RPCStatus) {
      try self.services.checkRight(RangeRequest(queue.range), self.head)
      try self.services.checkRight(request, self.head)
    } catch {
      return self.end(RPCStatus(.unknown, error.text))
    }
    self.submit(.txn(request)) { answer, header in
      guard case .txn(let answer) = answer else { return }
      entry.bornAt = header.revision
      var former: Data?
      if case .range(let found, _)? = answer.parts.first, let pair = found.pairs.first {
        entry.bornAt = pair.createRevision
        former = Data(pair.value)
      }
      self.entry = entry
      guard case .entering = self.phase else { return self.withdraw() }
      self.phase = .waiting(bornAt: entry.bornAt, watch: nil)
      guard let value = wish.value, let former, value != former else { return self.look() }
      var put = PutRequest(entry.key, value: Array(value))
      put.lease = lease
      self.submit(.txn(Queue.ifBorn(entry.key, at: entry.bornAt, .put(put)))) { _, _ in
        self.look()
      }
    }
  }

  /// Looks where the key stands, and waits for the one ahead.
  private func look() {
    guard case .waiting(let bornAt, let watch) = self.phase, var entry = self.entry else { return }
    if let watch { self.services.store.unwatchRevisions(watch) }
    self.phase = .waiting(bornAt: bornAt, watch: nil)
    var tree = self.services.store.currentRevisions
    while true {
      switch entry.queue.place(of: entry.key, bornAt: bornAt, in: tree) {
      case .gone: return self.end(RPCStatus(.unknown, "mutex: session is expired"))
      case .first:
        entry.header = self.services.header(tree.revision)
        self.phase = .over
        self.answers.send(self.answer(self.head, entry))
        return self.answers.end(.ok)
      case .behind(let key):
        let bound = NIOLoopBound(self, eventLoop: self.head.loop)
        let watch = self.services.store.watchRevisions(
          KeyRange(key, end: RevisionKey([])), on: self.head.loop
        ) { _ in bound.value.look() }
        guard watch.tree.revision > tree.revision else {
          self.phase = .waiting(bornAt: bornAt, watch: watch.id)
          return
        }
        // The key may have gone meanwhile.
        self.services.store.unwatchRevisions(watch.id)
        tree = watch.tree
      }
    }
  }

  /// Ends the wait, if the call has not ended.
  private func leave() -> Bool {
    switch self.phase {
    case .over: return false
    case .waiting(_, let watch?): self.services.store.unwatchRevisions(watch)
    case .waiting, .waitingForQuery, .entering: break
    }
    self.phase = .over
    return true
  }

  private func end(_ status: RPCStatus) {
    if self.leave() { self.answers.end(status) }
  }

  private func withdraw() {
    guard let entry = self.entry else { return }
    let range = KeyRange(entry.key, end: RevisionKey([]))
    let request = Queue.ifBorn(entry.key, at: entry.bornAt, .delete(DeleteRequest(range)))
    self.services.store.submit(.txn(request), on: nil) { _ in }
  }

  func halfClosed() {
    if case .waitingForQuery = self.phase { self.end(RPCStatus(.unknown, "EOF")) }
  }

  func cancelled() {
    if self.leave() { self.withdraw() }
  }

  func becameWritable() {}

  var waitsForOthers: Bool { true }

  /// The key stays: with its lease it outlives the server.
  func serverStops() { self.end(.serverStopped) }
}
