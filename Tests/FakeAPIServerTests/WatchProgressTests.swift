import EtcdClient
import Logging
import Testing
import TestSupport

@testable import FakeAPIServer

/// Watches of resources that do not change while others do.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct WatchProgressTests {
  @Test func aBusyStoreIsFollowedSoonerAndTheWaitIsRenewedInTime() {
    var progress = WatchProgress(after: 100, settling: .seconds(2))
    #expect(progress.settled(110) == .look(after: .seconds(8)))
    #expect(progress.settled(400) == .look(after: .zero))
    #expect(progress.last == 400)
    #expect(progress.settled(390) == .look(after: .seconds(8)), "a member that is behind")
    #expect(progress.last == 400)
    #expect(progress.settled(600) == .renew)
    #expect(progress.last == 600)
  }

  @Test func aWindowAdvancesAndSaysWhatCameTooLate() {
    var window = WatchWindow(after: 10)
    func change(_ index: UInt64) -> WatchWindow.Change {
      WatchWindow.Change(index: index, former: nil, object: .null)
    }
    window.advance(to: 20)
    #expect(window.last == 20 && window.changes(after: 10) == [])
    let (isLateNew, isNextNew) = (window.append(change(15)), window.append(change(21)))
    #expect(!isLateNew && isNextNew)
    window.advance(to: 5)
    #expect(window.last == 21)
    #expect(window.changes(after: 12)?.map(\.index) == [21])
  }

  /// More changes of other keys than the store keeps, between two waits for a quiet resource.
  @Test func aQuietResourcesWatcherIsNotToldThatItIsTooOld() async throws {
    try await withServers(1) { _, client in
      let feed = WatchFeed(
        client: client, path: "/things", cache: ObjectCache(),
        logger: Logger(label: "feed") { _ in SwiftLogNoOpLogHandler() },
        settling: .seconds(1))
      let start = try await client.put("/things/a", value: "{}").node.modifiedIndex
      func run(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
          defer { group.cancelAll() }
          group.addTask { await feed.run() }
          try await body()
        }
      }
      func reached() async -> UInt64 {
        guard let subscription = feed.changes(after: start) else { return 0 }
        subscription.mark()
        subscription.end()
        for await item in subscription.stream {
          if case .complete(let index) = item { return index }
        }
        return 0
      }
      try await run {
        // Until the change itself has come; its head alone may be settled before it.
        try await eventually("it has seen the start") {
          guard let subscription = feed.changes(after: start - 1) else { return false }
          subscription.end()
          for await _ in subscription.stream { return true }
          return false
        }
        // At most as many at once as the store keeps.
        for _ in 0..<2 {
          var last: UInt64 = 0
          for number in 0..<600 {
            last = try await client.put("/noise", value: "\(number)").node.modifiedIndex
          }
          try await eventually("it has come as far as the noise") { await reached() >= last }
        }
      }
      // The wait is over and is begun anew, as after a lost connection.
      try await run {
        let changed = try await client.put("/things/b", value: "{}").node.modifiedIndex
        try await eventually("the change is seen") {
          guard let subscription = feed.changes(after: start) else { return false }
          subscription.end()
          for await item in subscription.stream {
            if case .change(let change) = item { return change.index == changed }
          }
          return false
        }
        #expect(feed.changes(after: start) != nil)
      }
    }
  }
}
