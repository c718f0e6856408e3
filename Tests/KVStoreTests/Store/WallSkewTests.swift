import Foundation
import GRDB
import TestSupport
import Testing

@testable import KVStore

/// `expiration` after the wall clock was set.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct WallSkewTests {
  private static let second: Int64 = 1_000_000_000

  /// The known, the measured and the settled difference, in milliseconds.
  @Test(arguments: [
    (0, 0, 0), (0, 100, 0), (0, -100, 0), (0, 101, 101), (0, -101, -101),
    (3_600_000, 3_600_099, 3_600_000), (3_600_000, 0, 0), (-5000, 5000, 5000),
  ])
  func smallDifferencesChangeNothing(known: Int64, measured: Int64, settled: Int64) {
    let million: Int64 = 1_000_000
    #expect(WallSkew.settled(known * million, measured: measured * million) == settled * million)
  }

  @Test func theLimitsOfTimeAreNoTrap() {
    #expect(WallSkew.settled(.max, measured: .min) == .min)
    #expect(WallSkew.settled(.min, measured: .max) == .max)
    #expect(StoreTime(nanoseconds: .max).shifted(by: 1) == StoreTime(nanoseconds: .max))
    #expect(StoreTime(nanoseconds: .min).shifted(by: -1) == StoreTime(nanoseconds: .min))
    #expect(StoreTime(nanoseconds: 5).shifted(by: -7) == StoreTime(nanoseconds: -2))
  }

  /// A store's clock that is an hour off the wall clock is what a wall clock that was set leaves.
  @Test(arguments: [-3600, 0, 3600] as [Int64]) func expirationFollowsTheWallClock(ahead: Int64) {
    let right = StoreClock(continuing: .init())
    let clock = StoreClock(bootID: right.bootID, offset: right.offset + ahead * Self.second)
    let wall = WallSkew(clock)
    let node = NodeView(
      path: StorePath("/k"), value: [], deadline: clock.now.advanced(bySeconds: 100), ttl: 100,
      modifiedIndex: 1, createdIndex: 1)
    let text = String(buffer: Event(.set, node: node, prevNode: node).json(wall: wall))
    let shown = text.matches(of: /"expiration":"([^"]+)"/).map { String($0.1) }
    #expect(shown.count == 2)
    #expect(Set(shown).count == 1)
    for text in shown {
      let date = try? Date(
        text,
        strategy: .iso8601.year().month().day().dateTimeSeparator(.standard)
          .time(includingFractionalSeconds: true))
      #expect(date.map { abs($0.timeIntervalSinceNow - 100) < 30 } == true, "\(text)")
    }
    // Again and again the same.
    for _ in 0..<100 {
      #expect(String(buffer: Event(.set, node: node, prevNode: node).json(wall: wall)) == text)
    }
  }

  /// The whole way: a store that goes on in the same boot while its clock and the wall's differ.
  @Test(arguments: [-3600, 3600] as [Int64])
  func aTTLIsUntouchedAndItsExpirationIsTheWalls(ahead: Int64) async throws {
    try await withTemporaryDirectory { directory in
      try await withServer(.directory(directory)) { client in
        _ = try await client.put("/before", "value=1")
      }
      try await editTables(
        directory + "/kvstore.db",
        "UPDATE meta SET value = value + ? WHERE name IN ('clock_offset', 'store_time')",
        arguments: [ahead * Self.second])
      try await withServer(.directory(directory)) { client in
        let watch = try await client.watch("/k?wait=true")
        let put = try await client.put("/k", "value=1&ttl=1000")
        #expect(put.node?["ttl"] as? Int == 1000)
        let event = String(buffer: try await watch.body.collect(upTo: 4096))
        let read = try await client.get("/k")
        let past = try await client.get("/k?wait=true&waitIndex=2")
        let shown = [put.text, event, read.text, past.text].map {
          $0.firstMatch(of: /"expiration":"([^"]+)"/).map { String($0.1) }
        }
        #expect(Set(shown).count == 1)
        let text = try #require(shown[0])
        let seconds = try Date(String(text.prefix(19)) + "Z", strategy: .iso8601)
        #expect(abs(seconds.timeIntervalSinceNow - 1000) < 60)
      }
    }
  }
}
