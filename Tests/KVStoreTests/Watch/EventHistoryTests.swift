import Testing

@testable import KVStore

@Suite struct EventHistoryTests {
  private func event(
    _ index: UInt64, _ path: String, action: Event.Action = .set, isRefresh: Bool = false,
    removedDirectory: Bool = false
  ) -> Event {
    let node = NodeView(path: StorePath(path), modifiedIndex: index, createdIndex: index)
    var prev: NodeView?
    if removedDirectory {
      prev = NodeView(
        path: StorePath(path), isDirectory: true, modifiedIndex: 1, createdIndex: 1)
    }
    return Event(action, node: node, prevNode: prev, isRefresh: isRefresh)
  }

  @Test func findsTheFirstEventThatAWatcherWants() throws {
    let history = EventHistory(
      events: [self.event(5, "/a"), self.event(6, "/b/c"), self.event(7, "/a")], lastIndex: 7)
    func first(_ index: UInt64, _ path: String, _ isRecursive: Bool = false) throws -> UInt64? {
      try history.first(from: index, at: StorePath(path), isRecursive: isRecursive)?.index
    }
    #expect(try first(5, "/a") == 5)
    #expect(try first(6, "/a") == 7)
    #expect(try first(5, "/b") == nil)
    #expect(try first(5, "/b", true) == 6)
    #expect(try first(8, "/a") == nil)
    #expect(try first(5, "/", true) == 5)
  }

  @Test func whatIsNoLongerKeptIs401() {
    let history = EventHistory(events: [self.event(5, "/a")], lastIndex: 5)
    let expected = StoreError(
      .eventIndexCleared, cause: "the requested history has been cleared [5/4]", index: 5)
    #expect(throws: expected) {
      try history.first(from: 4, at: StorePath("/a"), isRecursive: false)
    }
  }

  @Test func keepsTheLastThousand() throws {
    var history = EventHistory()
    for index in 1...1500 as ClosedRange<UInt64> { history.append(self.event(index, "/a")) }
    #expect(history.startIndex == 501)
    #expect(history.lastIndex == 1500)
    #expect(try history.first(from: 501, at: StorePath("/a"), isRecursive: false)?.index == 501)
  }

  @Test func aRefreshIsPassedOver() throws {
    let history = EventHistory(
      events: [self.event(1, "/a", isRefresh: true), self.event(2, "/a")], lastIndex: 2)
    #expect(try history.first(from: 1, at: StorePath("/a"), isRecursive: false)?.index == 2)
  }

  @Test func theRemovalOfADirectoryIsFoundFromBelow() throws {
    let history = EventHistory(
      events: [self.event(1, "/d", action: .delete, removedDirectory: true)], lastIndex: 1)
    #expect(try history.first(from: 1, at: StorePath("/d/k"), isRecursive: false)?.index == 1)
    #expect(try history.first(from: 1, at: StorePath("/e/k"), isRecursive: false) == nil)
  }
}
