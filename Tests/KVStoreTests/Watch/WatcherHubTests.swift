import Testing

@testable import KVStore

@Suite struct WatcherHubTests {
  private let now = StoreTime(nanoseconds: 1_700_000_000_000_000_000)

  /// The deliveries of a few changes to each watcher, by its number in the order of arrival.
  private func told(
    _ watchers: [WatcherHub.Watcher], by commands: [Command]
  ) throws -> [[UInt64]] {
    var tree = KeyTree()
    var hub = WatcherHub()
    let ids = watchers.map { hub.add($0) }
    var told = [[UInt64]](repeating: [], count: watchers.count)
    for command in commands {
      let change = try #require(try tree.apply(command, now: self.now))
      for delivery in hub.deliveries(for: change) {
        let position = try #require(ids.firstIndex(of: delivery.watcher))
        told[position].append(delivery.event.index)
      }
    }
    return told
  }

  private func watcher(
    _ path: String, recursive: Bool = false, stream: Bool = false, since: UInt64 = 1
  ) -> WatcherHub.Watcher {
    WatcherHub.Watcher(
      path: StorePath(path), isRecursive: recursive, isStream: stream, sinceIndex: since)
  }

  @Test func anEventConcernsItsPathAndRecursiveWatchersAbove() throws {
    let told = try self.told(
      [
        self.watcher("/a/k"), self.watcher("/a"), self.watcher("/a", recursive: true),
        self.watcher("/", recursive: true), self.watcher("/b", recursive: true),
      ],
      by: [.set(StorePath("/a/k"), "1")])
    #expect(told == [[1], [], [1], [1], []])
  }

  @Test func aSingleWatchIsToldOnceAndAStreamOfEverything() throws {
    let told = try self.told(
      [self.watcher("/k"), self.watcher("/k", stream: true)],
      by: [.set(StorePath("/k"), "1"), .set(StorePath("/k"), "2"), .set(StorePath("/k"), "3")])
    #expect(told == [[1], [1, 2, 3]])
  }

  @Test func nothingBeforeTheIndexThatWasAskedFor() throws {
    let told = try self.told(
      [self.watcher("/k", since: 2)],
      by: [.set(StorePath("/k"), "1"), .set(StorePath("/k"), "2")])
    #expect(told == [[2]])
  }

  @Test func recursiveWatchersAreDeafToHiddenNames() throws {
    let told = try self.told(
      [
        self.watcher("/a", recursive: true), self.watcher("/a/_h", recursive: true),
        self.watcher("/a/_h/k"),
      ],
      by: [.set(StorePath("/a/_h/k"), "1")])
    #expect(told == [[], [1], [1]])
  }

  @Test func whoWatchesBelowADirectoryIsToldOfItsRemoval() throws {
    let told = try self.told(
      [self.watcher("/d/k", since: 2), self.watcher("/d/none", since: 2)],
      by: [
        .set(StorePath("/d/k"), "1"),
        .delete(StorePath("/d"), isDirectory: true, isRecursive: true),
      ])
    #expect(told == [[2], []])
  }

  @Test func aRefreshWakesNobody() throws {
    let new = Command.NewNode(deadline: self.now.advanced(bySeconds: 9), isRefresh: true)
    let told = try self.told(
      [self.watcher("/k", stream: true)],
      by: [.set(StorePath("/k"), "1"), .update(StorePath("/k"), new)])
    #expect(told == [[1]])
  }

  @Test func aCreationIsToldEvenIfItWasAskedForAsARefresh() throws {
    let new = Command.NewNode(deadline: self.now.advanced(bySeconds: 9), isRefresh: true)
    let told = try self.told(
      [self.watcher("/q", recursive: true, stream: true)],
      by: [
        .create(StorePath("/q/k"), new), .createInOrder(StorePath("/q"), new),
        .set(StorePath("/q/k"), new),
      ])
    #expect(told == [[1, 2]])
  }

  @Test func whoLeftIsForgotten() throws {
    var hub = WatcherHub()
    let id = hub.add(self.watcher("/k"))
    hub.remove(id)
    hub.remove(id)
    #expect(hub.count == 0)
    var tree = KeyTree()
    let change = try #require(try tree.apply(.set(StorePath("/k"), "1"), now: self.now))
    #expect(hub.deliveries(for: change).isEmpty)
  }
}
