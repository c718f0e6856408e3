import Foundation
import HTTPEndpoint
import TestSupport
import Testing

@testable import KVStore

/// Random requests for kvstore and for a real etcd at once, with watchers on both: every answer and every
/// event of every watcher is the same.
///
/// `ZWEIMASTER_COMPARE_COUNT` is the number of requests. A failure names the seed of its leg;
/// `ZWEIMASTER_COMPARE_SEED` plays that one first.
@Suite(.serialized, .enabled(if: RealEtcd.program != nil), .takesTurns, .timeLimit(.minutes(60)))
struct EtcdComparisonTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let count =
    Self.environment["ZWEIMASTER_COMPARE_COUNT"].flatMap { Int($0) } ?? 500
  private static let seed =
    Self.environment["ZWEIMASTER_COMPARE_SEED"].flatMap { UInt64($0) }
    ?? UInt64.random(in: 1...1_000_000_000)
  /// Requests between two restarts of kvstore, each with the next seed.
  private static let leg = 1000

  @Test func answersAndDeliversAsEtcdDoes() async throws {
    print("comparison: ZWEIMASTER_COMPARE_SEED=\(Self.seed)")
    try await RealEtcd.with { etcd in
      // The agreement on a version uses up an index.
      let client = TestClient(base: etcd.endpoint.url)
      try await eventually("etcd knows its cluster's version") {
        try await client.send(.GET, "/version").text.contains("\"etcdcluster\":\"3.4.0\"")
      }
      try await withTemporaryDirectory { directory in
        var tally = Comparison.Tally()
        for done in stride(from: 0, to: Self.count, by: Self.leg) {
          let count = min(Self.count - done, Self.leg)
          let seed = Self.seed + UInt64(done / Self.leg)
          let etcdPort = etcd.endpoint.port
          do {
            tally += try await withRunningServer(.directory(directory)) { server in
              let port = try #require(URL(string: server.urls[0])?.port)
              return try await onThreadOfItsOwn {
                try Comparison(kvstore: port, etcd: etcdPort, seed: seed).play(count)
              }
            }
          } catch {
            throw TestFailure("ZWEIMASTER_COMPARE_SEED=\(seed): \(error)")
          }
        }
        print("comparison: \(tally)")
        // What never occurs is not compared.
        guard Self.count >= 10_000 else { return }
        let actions = Event.Action.allCases.filter { $0 != .get }.map(\.rawValue)
        #expect(Set(tally.events.keys) == Set(actions))
        #expect(tally.codes.isSuperset(of: PlainModel.errorCodes.union([401])))
      }
    }
  }
}
