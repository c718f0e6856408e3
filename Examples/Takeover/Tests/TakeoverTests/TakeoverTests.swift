import Foundation
import TestCluster
import Testing

/// One cluster at a time: each has some seven processes, and takeovers have bounds.
@Suite(.serialized) struct TakeoverTests {
  // snippet: cluster
  private func withCluster(
    _ body: @escaping @Sendable (Cluster) async throws -> Void
  ) async throws {
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "takeover-\(UUID().uuidString)").path
    let configuration = ClusterConfiguration(
      masters: 2, ttlSeconds: 3, podStopTime: .milliseconds(500), stateDirectory: directory)
    try await Cluster.withRunning(configuration) { cluster in
      try await cluster.watched { monitor in
        try await body(cluster)
        // Never two pods and never two manifests, whatever the body broke.
        #expect(monitor.overlaps.isEmpty)
      }
    }
    try? FileManager.default.removeItem(atPath: directory)
  }
  // end

  // snippet: kill
  @Test func `another node takes over`() async throws {
    try await self.withCluster { cluster in
      let leader = try await cluster.waitForLeader(of: .scheduler)
      try await cluster.kill(leader)
      let next = try await cluster.waitForLeader(of: .scheduler, otherThan: leader)
      #expect(next != leader)
    }
  }
  // end

  // snippet: store
  @Test func `a leader and the store that die together make no two leaders`() async throws {
    try await self.withCluster { cluster in
      let leader = try await cluster.waitForLeader(of: .scheduler)
      try await cluster.killStore()
      try await cluster.kill(leader)
      // Without a store no node can begin to lead.
      try await cluster.startStore()
      let next = try await cluster.waitForLeader(of: .scheduler, otherThan: leader)
      // The node that was killed comes back, and does not interfere.
      try await cluster.start(leader)
      let status = try await cluster.waitUntil("for both nodes") { $0.pods.count == 4 }
      #expect(status.leader(of: .scheduler) == next)
    }
  }
  // end
}
