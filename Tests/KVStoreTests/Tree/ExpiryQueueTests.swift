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
      queue.add(change.event)
    }
    return (tree, queue)
  }

  @Test func whatIsDueComesInTheOrderOfTheDeadlines() throws {
    var (tree, queue) = try self.treeAndQueue([("/c", 3), ("/a", 1), ("/b", 2)])
    #expect(queue.nextDeadline(in: tree) == self.time(1))
    let due = queue.takeDue(at: self.time(2), in: tree)
    #expect(due.map(\.path.description) == ["/a", "/b"])
    #expect(queue.nextDeadline(in: tree) == self.time(3))
  }

  @Test func aDeadlineThatWasMovedIsPassedOver() throws {
    var (tree, queue) = try self.treeAndQueue([("/a", 1), ("/a", 5), ("/b", 2)])
    #expect(queue.takeDue(at: self.time(4), in: tree).map(\.path.description) == ["/b"])
    #expect(queue.nextDeadline(in: tree) == self.time(5))
  }

  @Test func nothingIsDueBeforeItsTime() throws {
    var (tree, queue) = try self.treeAndQueue([("/a", 1)])
    let justBefore = StoreTime(nanoseconds: self.time(1).nanoseconds - 1)
    #expect(queue.takeDue(at: justBefore, in: tree).isEmpty)
    #expect(queue.takeDue(at: self.time(1), in: tree).count == 1)
  }

  @Test func whatCouldNotBeCarriedOutComesAgain() throws {
    var (tree, queue) = try self.treeAndQueue([("/a", 1)])
    queue.putBack(queue.takeDue(at: self.time(1), in: tree))
    #expect(queue.takeDue(at: self.time(1), in: tree).count == 1)
  }

  @Test func renewalsDoNotPileUp() throws {
    let renewals = (1...10_000).map { ("/lease", Int64($0)) }
    var (tree, queue) = try self.treeAndQueue(renewals)
    #expect(queue.count == 1)
    #expect(queue.nextDeadline(in: tree) == self.time(10_000))
    #expect(queue.count == 1)
  }

  @Test func aDeadlineThatCameNearerIsKept() throws {
    var (tree, queue) = try self.treeAndQueue([("/a", 9), ("/a", 3), ("/a", 5)])
    #expect(queue.takeDue(at: self.time(4), in: tree).isEmpty)
    #expect(queue.takeDue(at: self.time(5), in: tree).map(\.path.description).first == "/a")
  }

  @Test func deletedKeysDoNotPileUp() throws {
    var (tree, queue) = try self.treeAndQueue([])
    for number in 0..<3_000 {
      let path = StorePath("/k\(number)")
      let new = Command.NewNode(deadline: self.time(86_400))
      queue.add(try #require(try tree.apply(.set(path, new), now: self.time(0))).event)
      let removal = Command.delete(path, isDirectory: false, isRecursive: false)
      queue.add(try #require(try tree.apply(removal, now: self.time(0))).event)
      _ = queue.nextDeadline(in: tree)
    }
    #expect(queue.count <= 1024)
  }
}
