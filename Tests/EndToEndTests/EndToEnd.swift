import EtcdClient
import FoundationEssentials
import Synchronization
import TestCluster
import Testing

/// Whole clusters in real processes, and their failures.
///
/// One test at a time: each starts some seven processes, and promises have times. The store is kvstore, or with
/// `ZWEIMASTER_TEST_STORE=etcd` a real etcd.
@Suite(.serialized) struct EndToEnd {
  static let store: ClusterConfiguration.Store =
    switch ProcessInfo.processInfo.environment["ZWEIMASTER_TEST_STORE"] ?? "kvstore" {
    case "kvstore": .kvstore
    case "etcd": .etcd(executable: "etcd")
    case let other: preconditionFailure("ZWEIMASTER_TEST_STORE is \(other): use kvstore or etcd")
    }
}

/// Runs the body with a cluster and a monitor, and expects that nothing was ever on two nodes and that no process is
/// left.
func withCluster(
  masters: Int = 2, ttlSeconds: Int = 3, stopTime: Duration = .milliseconds(500),
  _ body: @escaping @Sendable (Cluster, Monitor) async throws -> Void
) async throws {
  try await TemporaryDirectory.with { directory in
    let configuration = ClusterConfiguration(
      masters: masters, store: EndToEnd.store, ttlSeconds: ttlSeconds, podStopTime: stopTime,
      stateDirectory: directory)
    let (overlaps, started) = try await Cluster.withRunning(configuration) { cluster in
      try await cluster.watched { monitor in
        do {
          try await body(cluster, monitor)
        } catch {
          for overlap in monitor.overlaps { Issue.record("\(overlap)") }
          throw error
        }
        return (monitor.overlaps, await cluster.started)
      }
    }
    #expect(started.filter(\.leavesSomething).isEmpty)
    try #require(overlaps.isEmpty)
  }
}

/// The directory of a test, for programs that create it and write their logs there.
enum TemporaryDirectory {
  /// Runs the body with its path, and removes it. When the body fails it stays, and the issue names it.
  static func with<Result>(
    name: String = "zweimaster", _ body: (String) async throws -> Result
  ) async throws -> Result {
    let path =
      FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString)").path
    do {
      let result = try await body(path)
      try? FileManager.default.removeItem(atPath: path)
      return result
    } catch {
      Issue.record("\(error); logs are in \(path)")
      throw error
    }
  }
}

/// A file's text; `nil` when there is none.
func contents(_ path: String) -> String? {
  FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
}

extension Cluster {
  /// Waits until the scheduler has a leader in a later term.
  @discardableResult
  func waitForTerm(after term: UInt64) async throws -> ClusterStatus {
    try await self.waitUntil("for a leader of a new term") { status in
      (status.lease(.scheduler)?.term ?? 0) > term && status.leader(of: .scheduler) != nil
    }
  }

  /// The lease's key as the store has it.
  func lease(_ role: Role) async throws -> Node {
    try await EtcdClient.with(endpoints: self.store, timeout: .seconds(60)) {
      try await $0.get("/\(role.key)").node
    }
  }
}
