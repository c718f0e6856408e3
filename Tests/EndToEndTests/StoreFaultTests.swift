import EtcdClient
import FoundationEssentials
import TestCluster
import TestSupport
import Testing

extension EndToEnd {
  @Suite struct StoreFaultTests {
    @Test func `a store that is killed and comes back finds the same leader in the same term`()
      async throws
    {
      // Long enough that even on a slow machine the store is back before the leader has to give up.
      try await withCluster(ttlSeconds: 20) { cluster, _ in
        let leader = try await cluster.waitForLeader(of: .scheduler)
        let term = try await cluster.lease(.scheduler).holder.term
        let end = try await cluster.leaseEnd(.scheduler)
        try await cluster.killStore()
        try await cluster.startStore()
        try await eventually("for a renewal") {
          try await cluster.leaseEnd(.scheduler) > end + .seconds(2)
        }
        #expect(try await cluster.lease(.scheduler).holder.term == term)
        #expect(try await cluster.waitForLeader(of: .scheduler) == leader)
      }
    }

    @Test func `a leader whose store says nothing gives up before its lease ends`() async throws {
      try await withStoreAway {
        try await $0.pauseStore()
      } back: {
        try await $0.resumeStore()
      }
    }

    @Test func `a leader whose store refuses connections gives up before its lease ends`()
      async throws
    {
      try await withStoreAway {
        try await $0.killStore()
      } back: {
        try await $0.startStore()
      }
    }
  }
}

/// Takes the store away, and expects both manifests to be gone before the leases of that instant have ended. When they
/// have, the store comes back, and both roles have a leader again.
private func withStoreAway(
  _ takeAway: @escaping @Sendable (Cluster) async throws -> Void,
  back: @escaping @Sendable (Cluster) async throws -> Void
) async throws {
  try await withCluster { cluster, monitor in
    var leaders: [(Role, String, end: ContinuousClock.Instant)] = []
    for role in Role.allCases { try await cluster.waitForLeader(of: role) }
    for role in Role.allCases {
      let leader = try await cluster.waitForLeader(of: role)
      try await monitor.sees(role, on: leader)
      leaders.append((role, leader, try await cluster.leaseEnd(role)))
    }
    try await takeAway(cluster)
    for (role, leader, end) in leaders {
      let path = cluster.directory.destination(role, leader)
      try await eventually("for \(role.manifestName) to go") { contents(path) == nil }
      try await eventually("for the look that finds it gone") {
        monitor.log.latest(of: .manifest(role), on: leader)?.goneBy != nil
      }
      let gone = try #require(monitor.log.latest(of: .manifest(role), on: leader)?.goneBy)
      #expect(gone < end, "\((gone - end).inSeconds(decimals: 3)) s late")
    }
    for (_, _, end) in leaders { try await Task.sleep(until: end, clock: .continuous) }
    try await back(cluster)
    for role in Role.allCases { try await cluster.waitForLeader(of: role) }
  }
}

extension Cluster {
  /// When the lease ends unless it is renewed, by this machine's monotonic clock: in v3, which tells whole seconds,
  /// a second later at most.
  fileprivate func leaseEnd(_ role: Role) async throws -> ContinuousClock.Instant {
    guard self.configuration.api == .v2 else {
      return ContinuousClock.now + (try await self.lease(role).rest) + .seconds(1)
    }
    let node = try await EtcdClient.with(endpoints: self.store, timeout: .seconds(60)) {
      try await $0.get("/\(role.key)").node
    }
    let text = try #require(node.expiration)
    // Foundation does not parse a fraction of any length.
    let parts = text.split(separator: ".", maxSplits: 1)
    let fraction = parts.count == 2 ? parts[1].prefix(while: \.isNumber) : ""
    let whole = text.replacing(".\(fraction)", with: "")
    let date = try Date(whole, strategy: .iso8601).addingTimeInterval(
      Double("0.\(fraction)") ?? 0)
    return ContinuousClock.now + .seconds(date.timeIntervalSinceNow)
  }
}
