import Foundation
import HTTPEndpoint
import TestSupport
import Testing

@testable import KVStore

/// Random calls of the v3 API for kvstore and for a real etcd at once, with watches on both.
///
/// `ZWEIMASTER_COMPARE_COUNT` is the number of calls, and `ZWEIMASTER_COMPARE_SEED` plays those of a seed.
@Suite(.serialized, .enabled(if: RealEtcd.program != nil), .takesTurns, .timeLimit(.minutes(60)))
struct CallComparisonTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let count =
    Self.environment["ZWEIMASTER_COMPARE_COUNT"].flatMap { Int($0) } ?? 2_000

  @Test func answersAndDeliversAsEtcdDoes() async throws {
    let seed =
      Self.environment["ZWEIMASTER_COMPARE_SEED"].flatMap { UInt64($0) }
      ?? UInt64.random(in: 1...1_000_000_000)
    print("comparison of calls: ZWEIMASTER_COMPARE_SEED=\(seed)")
    try await RealEtcd.with { etcd in
      let etcdPort = etcd.endpoint.port
      try await withRunningServer { server in
        let port = try #require(URL(string: server.urls[0])?.port)
        let tally = try await onThreadOfItsOwn {
          let comparison = try CallComparison(kvstore: port, etcd: etcdPort, seed: seed)
          do {
            try comparison.play(Self.count)
          } catch {
            throw TestFailure("ZWEIMASTER_COMPARE_SEED=\(seed): \(error)")
          }
          return "\(comparison.tally)"
        }
        print("comparison of calls: \(tally)")
      }
    }
  }
}
