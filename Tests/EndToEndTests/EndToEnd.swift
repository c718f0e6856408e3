import EtcdClient
import FoundationEssentials
import Synchronization
import TestCluster
import TestSupport
import Testing

/// Whole clusters in real processes, and their failures.
///
/// One test at a time: each starts some seven processes, and promises have times. The store is kvstore by its v2 API,
/// and for some tests by v3 as well; `ZWEIMASTER_TEST_STORE` names another one for all of them.
@Suite(.serialized) struct EndToEnd {
  /// A store, and the API of the leases.
  enum TestedStore: String, CaseIterable, Sendable {
    case kvstore
    case kvstoreV3 = "kvstore-v3"
    case etcd
    case etcdV3 = "etcd-v3"

    var isKVStore: Bool { self == .kvstore || self == .kvstoreV3 }
    var store: ClusterConfiguration.Store { self.isKVStore ? .kvstore : .etcd(executable: "etcd") }
    var api: EtcdAPI { self == .kvstoreV3 || self == .etcdV3 ? .v3 : .v2 }
  }

  private static let named = ProcessInfo.processInfo.environment["ZWEIMASTER_TEST_STORE"].map {
    guard let store = TestedStore(rawValue: $0) else {
      preconditionFailure(
        "ZWEIMASTER_TEST_STORE is \($0): use one of \(TestedStore.allCases.map(\.rawValue))")
    }
    return store
  }

  static let store = Self.named ?? .kvstore

  /// Those of the tests that run by each API.
  static let stores = Self.named.map { [$0] } ?? [TestedStore.kvstore, .kvstoreV3]
}

/// Runs the body with a cluster and a monitor, and expects that nothing was ever on two nodes and that no process is
/// left.
func withCluster(
  on store: EndToEnd.TestedStore = EndToEnd.store, masters: Int = 2, ttlSeconds: Int = 3,
  stopTime: Duration = .milliseconds(500),
  _ body: @escaping @Sendable (Cluster, Monitor) async throws -> Void
) async throws {
  try await TemporaryDirectory.with { directory in
    let configuration = ClusterConfiguration(
      masters: masters, store: store.store, api: store.api, ttlSeconds: ttlSeconds,
      podStopTime: stopTime, stateDirectory: directory)
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

extension Monitor {
  /// Waits until it has seen the role's manifest and pod on the node. It looks now and then: what a test ends at once
  /// could be gone before the first look.
  func sees(_ role: Role, on node: String) async throws {
    let subjects: [PresenceLog.Subject] = [.manifest(role), .pod(role)]
    try await eventually("for the monitor to see \(role.podName) on \(node)") {
      subjects.allSatisfy { self.log.latest(of: $0, on: node) != nil }
    }
  }
}

extension Cluster {
  /// Waits until the scheduler has a leader in a later term.
  @discardableResult
  func waitForTerm(after term: UInt64) async throws -> ClusterStatus {
    try await self.waitUntil("for a leader of a new term") { status in
      (status.lease(.scheduler)?.term ?? 0) > term && status.leader(of: .scheduler) != nil
    }
  }

  /// The lease as the store has it.
  nonisolated func lease(_ role: Role) async throws -> (holder: Holder, rest: Duration) {
    let fact = try await EtcdClient.with(endpoints: self.store, timeout: .seconds(60)) {
      let options = LeaseOptions(key: role.key, value: "", ttlSeconds: 1, timeout: .seconds(60))
      return try await EtcdLeasedKey(
        client: $0, api: self.configuration.api, options: options, records: false
      ).readWithRest().fact
    }
    guard case .held(let holder, .known(let rest)) = fact else {
      throw TestFailure("nobody holds \(role.key): \(fact)")
    }
    return (holder, rest)
  }
}
