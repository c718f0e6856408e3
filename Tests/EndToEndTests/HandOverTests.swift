import FoundationEssentials
import TestCluster
import TestSupport
import Testing

extension EndToEnd {
  @Suite struct HandOverTests {
    @Test(arguments: EndToEnd.stores)
    func `a master that is stopped in good order hands over once its pods have ended`(
      _ store: EndToEnd.TestedStore
    ) async throws {
      let stopTime = Duration.seconds(1)
      // Long enough that the test would notice a wait for its end.
      try await withCluster(on: store, ttlSeconds: 20, stopTime: stopTime) { cluster, monitor in
        let leader = try await cluster.waitForLeader(of: .scheduler)
        try await cluster.waitForLeader(of: .controllerManager)
        try await monitor.sees(.scheduler, on: leader)
        let stopped = ContinuousClock.now
        try await cluster.stop(leader)
        for role in Role.allCases { try await cluster.waitForLeader(of: role, otherThan: leader) }
        let other = try #require(await cluster.status().leader(of: .scheduler))
        let old = try #require(monitor.log.latest(of: .pod(.scheduler), on: leader))
        let new = try await monitor.arrival(
          of: .pod(.scheduler), on: [other], after: stopped, within: .seconds(60))
        #expect(old.to < new.from)
        #expect(old.to - stopped > stopTime / 2, "the pod took its time")
        #expect(new.from - stopped < stopTime + .seconds(1))
        #expect(contents(cluster.directory.destination(.scheduler, leader)) == nil)
      }
    }

    @Test func `what changes in the source is run soon, and never a half of it`() async throws {
      try await withCluster { cluster, _ in
        let leader = try await cluster.waitForLeader(of: .scheduler)
        let source = cluster.directory.source(.scheduler, leader)
        let destination = cluster.directory.destination(.scheduler, leader)
        let old = try #require(contents(source))
        // Long enough that the test would see half of a copy in place.
        let new = old + String(repeating: "# changed while leading\n", count: 50_000)
        #expect(contents(destination) == old)
        try Data(new.utf8).write(to: URL(filePath: source), options: .atomic)
        try await eventually("for the new manifest") {
          let seen = contents(destination)
          #expect(seen == old || seen == new)
          return seen == new
        }
        #expect(try await cluster.waitForLeader(of: .scheduler) == leader)
      }
    }
  }
}
