import EtcdClient
import Foundation
import HTTPEndpoint
import KVStore
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@testable import Elector

@Suite struct PreemptionTests {
  private static func bid(_ name: String, _ priority: Int) -> Bid {
    Bid(
      candidate: Candidate(name: name, bootID: "b", destination: "/m"), priority: priority,
      period: .seconds(5))
  }

  private static func at(_ seconds: Int) -> Instant { Instant(.seconds(seconds)) }

  @Test func aBidIsReadAsItWasWritten() {
    let bid = Self.bid("n1", 7)
    #expect(Bid(json: bid.json) == bid)
    #expect(
      bid.json
        == #"{"boot_id":"b","destination":"/m","holder":"n1","period_ms":5000,"priority":7}"#)
    #expect(Bid(json: "x") == nil)
    #expect(Bid.key(for: "a/scheduler") == "a/_scheduler.bid")
  }

  @Test func aFollowerBidsAfterItsDelayAndThenInEachPeriod() {
    var preemption = Preemption(own: Self.bid("me", 5), delay: .seconds(30))
    #expect(preemption.look(nil, as: .follower, at: Self.at(5)) == .nothing)
    #expect(preemption.look(nil, as: .follower, at: Self.at(30)) == .nothing)
    let own = Self.bid("me", 5)
    #expect(
      preemption.look(nil, as: .follower, at: Self.at(35)) == .bid(own, ifIndex: nil))
    #expect(
      preemption.look((own, 9), as: .follower, at: Self.at(40)) == .bid(own, ifIndex: 9))
    // After a term of its own it starts again.
    #expect(preemption.look((own, 10), as: .leader, at: Self.at(45)) == .nothing)
    #expect(preemption.look((own, 10), as: .follower, at: Self.at(50)) == .nothing)
  }

  @Test func oneWithoutAPriorityAsksNobody() {
    var preemption = Preemption(own: Self.bid("me", 0), delay: .zero)
    #expect(!preemption.wantsToLook(as: .follower))
    #expect(preemption.wantsToLook(as: .leader))
    #expect(preemption.look(nil, as: .follower, at: Self.at(5)) == .nothing)
  }

  @Test func onlyTheLargestBidIsKept() {
    var preemption = Preemption(own: Self.bid("me", 5), delay: .zero)
    _ = preemption.look(nil, as: .follower, at: Self.at(0))
    // A bid with the same priority stays until its candidate falls silent.
    for priority in [5, 6] {
      let other = Self.bid("other", priority)
      let index = UInt64(priority)
      let begin = priority * 100
      #expect(
        preemption.look((other, index), as: .follower, at: Self.at(begin)) == .nothing)
      #expect(
        preemption.look((other, index), as: .follower, at: Self.at(begin + 14)) == .nothing)
      #expect(
        preemption.look((other, index), as: .follower, at: Self.at(begin + 15))
          == .bid(Self.bid("me", 5), ifIndex: index))
    }
    #expect(
      preemption.look((Self.bid("other", 4), 7), as: .follower, at: Self.at(900))
        == .bid(Self.bid("me", 5), ifIndex: 7))
    // A value that is not a bid is replaced.
    #expect(
      preemption.look((nil, 8), as: .follower, at: Self.at(910))
        == .bid(Self.bid("me", 5), ifIndex: 8))
  }

  @Test func aLeaderGivesWayToALargerBidThatItSawBeingWritten() {
    let other = Self.bid("other", 6)
    var preemption = Preemption(own: Self.bid("me", 5), delay: .zero)
    // The bid may be years old.
    #expect(preemption.look((other, 1), as: .leader, at: Self.at(5)) == .nothing)
    #expect(preemption.look((other, 1), as: .leader, at: Self.at(10)) == .nothing)
    #expect(
      preemption.look((other, 2), as: .leader, at: Self.at(15))
        == .yield(to: other, for: .seconds(15)))
    // One step for each bid.
    #expect(preemption.look((other, 2), as: .leader, at: Self.at(16)) == .nothing)
  }

  @Test(arguments: [("other", 5), ("other", 4), ("me", 9)])
  func aLeaderStaysForAnyOther(_ name: String, _ priority: Int) {
    var preemption = Preemption(own: Self.bid("me", 5), delay: .zero)
    for index in 0..<5 {
      #expect(
        preemption.look(
          (Self.bid(name, priority), UInt64(index)), as: .leader, at: Self.at(index)) == .nothing)
    }
  }
}

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct PreemptionServiceTests {
  /// Runs an election on a kvstore beside others.
  private static func run(
    _ name: String, priority: Int, _ client: EtcdClient, _ kubelet: NodeKubelet,
    _ fixture: ManifestFixture
  ) async throws {
    let key = EtcdLeasedKey(
      client: client, api: .v2,
      options: LeaseOptions(key: "k", value: name, ttlSeconds: 30, timeout: .seconds(60)))
    let election = try fixture.election(
      EtcdLeaseStore(key: key, name: "k"), name: name, kubelet: kubelet)
    let candidate = Candidate(name: name, bootID: name, destination: fixture.destination.path)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let preemption = PreemptionService(
      key: key, name: "k", board: election.board,
      own: Bid(candidate: candidate, priority: priority, period: .milliseconds(200)), delay: .zero,
      logger: logger)
    try await ServiceGroup(services: [election, preemption], logger: logger).run()
  }

  @Test func oneWithALargerPriorityBecomesTheMaster() async throws {
    try await NodeKubelet.idle { try await self.handOver($0) }
  }

  private func handOver(_ kubelet: NodeKubelet) async throws {
    let server = try await KVStoreServer.start(.memory)
    let (low, high) = (try ManifestFixture(), try ManifestFixture())
    defer { for fixture in [low, high] { fixture.cleanUp() } }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      try await EtcdClient.with(
        endpoints: [try EtcdEndpoint(server.urls[0])], timeout: .seconds(60)
      ) { client in
        try await withThrowingTaskGroup(of: Void.self) { elections in
          elections.addTask { try await Self.run("low", priority: 1, client, kubelet, low) }
          try await eventually("low is the master") { low.installed != nil }
          elections.addTask { try await Self.run("high", priority: 2, client, kubelet, high) }
          try await eventually("high is the master") { high.installed != nil }
          #expect(low.installed == nil)
          // It stays so.
          try await Task.sleep(for: .seconds(2))
          #expect(high.installed != nil && low.installed == nil)
          elections.cancelAll()
        }
      }
      group.cancelAll()
    }
  }
}
