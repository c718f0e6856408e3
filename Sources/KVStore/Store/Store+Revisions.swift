import NIOCore
import NIOPosix
import Synchronization

/// The v3 keyspace, as its services see it.
extension Store {
  typealias RevisionReply = @Sendable (Result<RevisionOutcome, RevisionError>) -> Void
  typealias RevisionWake = @Sendable (RevisionNews) -> Void

  struct RevisionRequest {
    let command: RevisionCommand
    let loop: (any EventLoop)?
    let reply: RevisionReply
  }

  struct RevisionWatching {
    var watchers = RevisionWatchers()
    var wakes: [RevisionWatchers.ID: (loop: any EventLoop, wake: RevisionWake)] = [:]
  }

  /// The keyspace of v3 as on disk.
  var currentRevisions: RevisionTree { self.revisionSnapshot.withLock { $0 } }

  var revisionWatcherCount: Int { self.revisionWatching.withLock { $0.watchers.count } }

  /// Queues a request. The reply comes after the commit.
  /// - Parameter loop: where the reply comes; `nil` for the writer's thread, which it must not block.
  func submit(
    _ command: RevisionCommand, on loop: (any EventLoop)?, reply: @escaping RevisionReply
  ) {
    let byteCount = command.byteCount
    let (problem, isFirst): (RevisionError?, Bool) = self.inbox.withLock { inbox in
      if inbox.isClosed { return (.unavailable("server stopped"), false) }
      guard inbox.hasRoom(for: byteCount) else { return (.tooManyRequests, false) }
      inbox.revisionRequests.append(RevisionRequest(command: command, loop: loop, reply: reply))
      inbox.byteCount += byteCount
      return (nil, inbox.requestCount == 1)
    }
    if let problem {
      var outbox = Outbox()
      outbox.add(loop) { reply(.failure(problem)) }
      outbox.send()
    } else if isFirst {
      // The writer takes the others along.
      self.wakeUp.signal()
    }
  }

  /// Adds a watcher: each publication in which a key of the range has changed wakes it. What it gets has all events from
  /// ``RevisionTree/formerRevision`` on, enough for one that is not behind; others read them from the tree. So nothing is
  /// kept for a watcher that does not read, and none is told of a compaction.
  /// - Parameter loop: where it is woken, at most once for each batch.
  /// - Returns: the watcher, and the keyspace: what follows after this tree wakes it.
  func watchRevisions(
    _ range: KeyRange, on loop: any EventLoop, wake: @escaping RevisionWake
  ) -> (id: UInt64, tree: RevisionTree) {
    self.revisionWatching.withLock { watching in
      let id = watching.watchers.add(range)
      watching.wakes[id] = (loop, wake)
      return (id, self.currentRevisions)
    }
  }

  /// A wake-up that is on its way still comes. An unknown watcher is no error.
  func unwatchRevisions(_ id: UInt64) {
    self.revisionWatching.withLock { watching in
      watching.watchers.remove(id)
      watching.wakes[id] = nil
    }
  }

  /// Compacts as time goes by, until the store closes.
  func beginCompactions(_ compaction: AutoCompaction) {
    self.compactions.withLock { $0 = compaction }
    self.planCompaction(after: compaction.interval)
  }

  private func planCompaction(after seconds: Int64) {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    loop.scheduleTask(in: .seconds(seconds)) { [weak self] in
      guard let self, !self.inbox.withLock({ $0.isClosed }) else { return }
      let (now, revision) = (self.clock.now, self.currentRevisions.revision)
      let target = self.compactions.withLock { $0?.look(at: now, revision: revision) }
      // One that somebody else has compacted further is no mistake.
      if let target { self.submit(.compact(target), on: nil) { _ in } }
      self.planCompaction(after: seconds)
    }
  }

  /// Publishes what is on disk: to readers first, then to watchers.
  func publish(_ tree: RevisionTree, _ changes: [RevisionChange], to outbox: inout Outbox) {
    var old = tree
    self.calls.events.add(changes.lazy.compactMap(\.key).count, ordering: .relaxed)
    let groups = self.revisionWatching.withLock { watching in
      // In the same step: a watcher that comes now finds the changes in the tree.
      self.revisionSnapshot.withLock { swap(&$0, &old) }
      return watching.watchers.concerned(by: changes.lazy.compactMap(\.key)).map { group in
        (places: group.places, wakes: group.watchers.compactMap { watching.wakes[$0] })
      }
    }
    guard !groups.isEmpty else { return }
    let revisions = changes.compactMap(\.revision)
    // One task for each loop.
    var byLoop: [(loop: any EventLoop, wakes: [(RevisionWake, RevisionNews)])] = []
    for (places, wakes) in groups {
      let news = RevisionNews(tree, places.map { revisions[$0] })
      for (loop, wake) in wakes {
        if let index = byLoop.firstIndex(where: { $0.loop === loop }) {
          byLoop[index].wakes.append((wake, news))
        } else {
          byLoop.append((loop, [(wake, news)]))
        }
      }
    }
    for (loop, wakes) in byLoop { outbox.add(loop) { for (wake, news) in wakes { wake(news) } } }
  }
}
