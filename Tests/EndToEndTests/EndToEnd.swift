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
/// left. After a failure the state directory stays.
func withCluster(
  masters: Int = 2, ttlSeconds: Int = 3, stopTime: Duration = .milliseconds(500),
  _ body: @escaping @Sendable (Cluster, Monitor) async throws -> Void
) async throws {
  let directory = TemporaryDirectory()
  let configuration = ClusterConfiguration(
    masters: masters, store: EndToEnd.store, ttlSeconds: ttlSeconds, podStopTime: stopTime,
    stateDirectory: directory.path)
  let (overlaps, started) = try await directory.keptOnError {
    try await Cluster.withRunning(configuration) { cluster in
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
  }
  #expect(overlaps.isEmpty, "logs are in \(directory.path)")
  #expect(started.filter(\.leavesSomething).isEmpty)
  if overlaps.isEmpty { directory.remove() }
}

/// A directory of one test.
struct TemporaryDirectory: Sendable {
  let path: String

  init(name: String = "zweimaster") {
    self.path =
      FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString)").path
  }

  func remove() { try? FileManager.default.removeItem(atPath: self.path) }

  /// Runs the body; when it fails, the issue names the directory of the logs.
  func keptOnError<Result>(
    _ body: () async throws -> Result
  ) async throws -> Result {
    do {
      return try await body()
    } catch {
      Issue.record("\(error); logs are in \(self.path)")
      throw error
    }
  }
}

/// A file's text; `nil` when there is none.
func contents(_ path: String) -> String? {
  FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
}

extension Cluster {
  /// The lease's key as the store has it.
  func lease(_ role: Role) async throws -> Node {
    try await EtcdClient.with(endpoints: self.store, timeout: .seconds(60)) {
      try await $0.get("/\(role.key)").node
    }
  }
}
