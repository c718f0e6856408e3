import Foundation
import TestCluster
import Testing

/// One cluster at a time: each has some seven processes, and takeovers have bounds.
@Suite(.serialized) struct TakeoverTests {
  // snippet: cluster
  private func withCluster(
    _ body: @escaping @Sendable (Cluster, Monitor) async throws -> Void
  ) async throws {
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "takeover-\(UUID().uuidString)").path
    let configuration = ClusterConfiguration(
      masters: 2, ttlSeconds: 3, podStopTime: .milliseconds(500), stateDirectory: directory)
    try await Cluster.withRunning(configuration) { cluster in
      try await cluster.watched { monitor in
        try await body(cluster, monitor)
        // Never two pods and never two manifests, whatever the body broke.
        #expect(monitor.overlaps.isEmpty)
      }
    }
    try? FileManager.default.removeItem(atPath: directory)
  }
  // end

  // snippet: kill
  @Test func `another node takes over`() async throws {
    try await self.withCluster { cluster, _ in
      let leader = try await cluster.waitForLeader(of: .scheduler)
      try await cluster.kill(leader)
      let next = try await cluster.waitForLeader(of: .scheduler, otherThan: leader)
      #expect(next != leader)
    }
  }
  // end

  // snippet: store
  @Test func `a guard that stands still and a killed store make no second leader`() async throws {
    try await self.withCluster { cluster, _ in
      let leader = try await cluster.waitForLeader(of: .scheduler)
      try await cluster.pause(leader, .schedulerElector)
      try await cluster.killStore()
      try await cluster.startStore()
      // The elector whose guard stands still has removed its manifest, so another node may run the pod.
      try await cluster.waitForLeader(of: .scheduler, otherThan: leader)
      try await cluster.resume(leader, .schedulerElector)
      // The guard finds that its node does not lead any more.
      let status = try await cluster.waitUntil("for the former leader") {
        $0.runners(of: .scheduler).count == 1
      }
      #expect(status.leader(of: .scheduler) != leader)
    }
  }
  // end
}
