import FaultRelay
import KVStore
import TestSupport
import Testing

@testable import EtcdClient
@testable import HTTPEndpoint

/// Renews a lease like an election: it reads after an unknown outcome, and renews what it has read.
/// - Returns: the index after the renewal.
private func renewed(
  _ key: any LeasedKey, term: UInt64, index: UInt64, within limit: Duration
) async throws -> UInt64 {
  let deadline = ContinuousClock.now + limit
  var index: UInt64? = index
  while ContinuousClock.now < deadline {
    let answer: LeaseAnswer
    do throws(EtcdClientError) {
      answer =
        if let index { try await key.perform(.renew(ifIndex: index)) } else {
          try await key.perform(.read)
        }
    } catch {
      if error.isOutcomeUnknown { index = nil }
      try await Task.sleep(for: .milliseconds(50))
      continue
    }
    switch answer.fact {
    case .granted(term, let next): return next
    case .changed: index = nil
    case .held(let holder, _) where holder.term == term: index = holder.modifiedIndex
    default: throw TestFailure("the lease was lost: \(answer)")
    }
  }
  throw TestFailure("not renewed within \(limit)")
}

/// Creates a key like an election, on a machine that may be too busy to answer in time.
/// - Returns: its term.
private func created(_ key: any LeasedKey) async throws -> UInt64 {
  let deadline = ContinuousClock.now + .seconds(60)
  while ContinuousClock.now < deadline {
    do {
      if let term = try await key.perform(.create).term { return term }
      // There is no other client.
      if case .held(let holder, _) = try await key.perform(.read).fact { return holder.term }
    } catch {
      try await Task.sleep(for: .milliseconds(50))
    }
  }
  throw TestFailure("not created")
}

/// Several endpoints, some of them broken.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct EndpointFailoverTests {
  /// With this TTL an elector trusts its lease for 40 seconds.
  private static let ttlSeconds: Int64 = 60
  private static let belief = Duration.seconds(40)

  private func client(
    _ endpoints: [EtcdEndpoint], attemptTimeout: Duration = .seconds(3)
  ) -> EtcdClient {
    EtcdClient(
      endpoints: endpoints, timeout: attemptTimeout * 2, attemptTimeout: attemptTimeout,
      connectTimeout: attemptTimeout, longestPause: .milliseconds(500))
  }

  /// One endpoint hangs after use, one refuses connections, one works.
  @Test(arguments: Backend.available)
  func aRenewalSucceedsInTimeThoughTheFirstHangsAndTheSecondRefuses(
    _ backend: Backend
  ) async throws {
    try await backend.with { store in
      try await Relay.with(port: store.port) { relay in
        let dead = EtcdEndpoint.refusing
        try await self.client([relay.endpoint, dead, store]).run { client in
          let key = backend.key(client, ttlSeconds: Self.ttlSeconds, timeout: .seconds(6))
          let term = try await created(key)
          var index = try await renewed(key, term: term, index: term, within: Self.belief)
          relay.isSilent = true
          // The manifest stays for this time without a renewal.
          index = try await renewed(key, term: term, index: index, within: Self.belief)
          // It stays with the working endpoint.
          #expect(client.transport.preferred == store)
          _ = try await renewed(key, term: term, index: index, within: Self.belief)
        }
      }
    }
  }

  /// It accepts connections and never answers.
  @Test(arguments: Backend.available)
  func aKeyIsReadAndMadeThoughTheFirstNeverAnswers(_ backend: Backend) async throws {
    try await backend.with { store in
      try await ScriptedServer.with({ _ in .silence }) { silent in
        let endpoints = [try EtcdEndpoint(silent.url), EtcdEndpoint.refusing, store]
        let client = self.client(endpoints, attemptTimeout: .seconds(5))
        try await client.run { (client: EtcdClient) async throws -> Void in
          let key = backend.key(client, timeout: .seconds(60))
          #expect(try await key.perform(.read).fact == .absent)
          _ = try await created(key)
          #expect(client.transport.preferred == store)
        }
      }
    }
  }

  /// TCP does not notice that the server is gone; the other requests do.
  @Test(arguments: Backend.available)
  func aWatchGoesWhereTheOtherRequestsGo(_ backend: Backend) async throws {
    try await backend.with { store in
      try await Relay.with(port: store.port) { relay in
        let client = EtcdClient(
          endpoints: [relay.endpoint, store], timeout: .seconds(60), attemptTimeout: .seconds(15),
          connectTimeout: .seconds(15), watchAge: .seconds(3600))
        try await client.run { client in
          let key = backend.key(client)
          let term = try await created(key)
          async let change = key.nextChange(after: term)
          // A watch in progress has an endpoint.
          while client.transport.watchCount == 0 { try await Task.sleep(for: .milliseconds(5)) }
          relay.isSilent = true
          _ = try await key.perform(.read)
          #expect(client.transport.preferred == store)
          let released = try await key.perform(.release(ifIndex: term))
          #expect(try await change == .removed(index: released.position.index))
        }
      }
    }
  }

  /// A router has forgotten the connection, and no other request notices.
  @Test(arguments: Backend.available)
  func aWatchIsMadeAnewFromTimeToTime(_ backend: Backend) async throws {
    try await backend.with { store in
      try await Relay.with(port: store.port) { relay in
        try await EtcdClient(
          endpoints: [relay.endpoint], timeout: .seconds(60), connectTimeout: .seconds(30),
          watchAge: .milliseconds(300)
        ).run { far in
          try await EtcdClient(
            endpoints: [store], timeout: .seconds(60), connectTimeout: .seconds(30)
          ).run { near in
            let term = try #require(try await backend.key(near).perform(.create).term)
            let watching = backend.key(far)
            _ = try await watching.perform(.read)
            async let change = watching.nextChange(after: term)
            while relay.connections < 2 { try await Task.sleep(for: .milliseconds(5)) }
            relay.dropEstablished()
            try await near.overwrite("a/lock", with: nil, by: backend.api)
            guard case .removed = try await change else {
              throw TestFailure("it was not told")
            }
          }
        }
      }
    }
  }

  @Test func aReadGoesOnToAnotherWithinItsOwnTime() async throws {
    try await ScriptedServer.with({ _ in .silence }) { silent in
      try await ScriptedServer.with({ _ in .json(EtcdClientTests.node) }) { good in
        let endpoints = [try EtcdEndpoint(silent.url), try EtcdEndpoint(good.url)]
        let client = EtcdClient(
          endpoints: endpoints, timeout: .seconds(60), attemptTimeout: .seconds(10))
        try await client.run {
          _ = try await $0.get("k")
          _ = try await $0.get("k")
        }
        #expect(silent.requests.count == 1 && good.requests.count == 2)
      }
    }
  }

  /// A request that surely was not applied may go to another endpoint.
  @Test func aWriteGoesOnFromOneWithoutTheAPI() async throws {
    try await ScriptedServer.with({ _ in .answer(404, [:], "404 page not found\n") }) { old in
      try await ScriptedServer.with({ _ in .json(EtcdClientTests.node) }) { good in
        try await EtcdClient.with(
          endpoints: [EtcdEndpoint(old.url), EtcdEndpoint(good.url)], timeout: .seconds(60)
        ) {
          try await $0.put("k", value: "v")
        }
        #expect(old.requests.count == 1 && good.requests.count == 1)
      }
    }
  }

  /// Otherwise the clients that lost the store at one instant return at one instant.
  @Test func afterAllHaveFailedThereIsAPause() async throws {
    let dead = EtcdEndpoint.refusing
    let client = EtcdClient(endpoints: [dead, dead], longestPause: .milliseconds(200))
    try await client.run { client in
      let start = ContinuousClock.now
      for _ in 0..<30 { _ = try? await client.get("k") }
      // Twenty-five pauses of 100 ms on average; a third of that is all but impossible.
      #expect(ContinuousClock.now - start > .milliseconds(800))
    }
  }

  /// Any one member is killed, and a majority stays.
  @Test(
    .enabled(if: RealEtcd.program != nil, "there is no etcd: make deps"),
    arguments: [Backend.etcdV2, .etcdV3])
  func aLeaseOutlivesAnyOneMember(_ backend: Backend) async throws {
    try await RealEtcd.withCluster(of: 3) { members in
      try await self.client(members.map(\.endpoint)).run { client in
        let key = backend.key(client, ttlSeconds: Self.ttlSeconds, timeout: .seconds(6))
        // The cluster may not have a leader yet.
        let term = try await created(key)
        var index = try await renewed(key, term: term, index: term, within: Self.belief)
        // The member in use, perhaps the leader.
        let used = client.transport.preferred
        members.first { $0.endpoint == used }?.kill()
        let start = ContinuousClock.now
        index = try await renewed(key, term: term, index: index, within: Self.belief)
        // The elector would give up after 20 s without a renewal.
        #expect(ContinuousClock.now - start < .seconds(15))
        #expect(client.transport.preferred != used)
        _ = try await renewed(key, term: term, index: index, within: Self.belief)
      }
    }
  }
}
