import Testing

@testable import KVStore

@Suite struct ExpiryQueueTests {
  private func time(_ seconds: Int64) -> StoreTime {
    StoreTime(nanoseconds: (1_700_000_000 + seconds) * 1_000_000_000)
  }

  private func treeAndQueue(_ deadlines: [(String, Int64)]) throws -> (KeyTree, ExpiryQueue) {
    var tree = KeyTree()
    var queue = ExpiryQueue(tree)
    for (path, deadline) in deadlines {
      let new = Command.NewNode(deadline: self.time(deadline))
      let change = try #require(try tree.apply(.set(StorePath(path), new), now: self.time(0)))
      for written in change.written { queue.add(written.node, at: written.path) }
    }
    return (tree, queue)
  }

  @Test func whatIsDueComesInTheOrderOfTheDeadlines() throws {
    var (tree, queue) = try self.treeAndQueue([("/c", 3), ("/a", 1), ("/b", 2)])
    #expect(queue.nextDeadline(in: tree) == self.time(1))
    let due = queue.takeDue(at: self.time(2), in: tree, limit: 10)
    #expect(due.map(\.path.description) == ["/a", "/b"])
    #expect(queue.nextDeadline(in: tree) == self.time(3))
  }

  @Test func aDeadlineThatWasMovedIsPassedOver() throws {
    var (tree, queue) = try self.treeAndQueue([("/a", 1), ("/a", 5), ("/b", 2)])
    #expect(queue.takeDue(at: self.time(4), in: tree, limit: 10).map(\.path.description) == ["/b"])
    #expect(queue.nextDeadline(in: tree) == self.time(5))
  }

  @Test func nothingIsDueBeforeItsTime() throws {
    var (tree, queue) = try self.treeAndQueue([("/a", 1)])
    let justBefore = StoreTime(nanoseconds: self.time(1).nanoseconds - 1)
    #expect(queue.takeDue(at: justBefore, in: tree, limit: 10).isEmpty)
    #expect(queue.takeDue(at: self.time(1), in: tree, limit: 10).count == 1)
  }

  @Test func whatCouldNotBeCarriedOutComesAgain() throws {
    var (tree, queue) = try self.treeAndQueue([("/a", 1)])
    queue.putBack(queue.takeDue(at: self.time(1), in: tree, limit: 10))
    #expect(queue.takeDue(at: self.time(1), in: tree, limit: 10).count == 1)
  }

  @Test func renewalsDoNotPileUp() throws {
    let renewals = (1...10_000).map { ("/lease", Int64($0)) }
    var (tree, queue) = try self.treeAndQueue(renewals)
    #expect(queue.nextDeadline(in: tree) == self.time(10_000))
    #expect(queue.count < 2000)
  }
}
