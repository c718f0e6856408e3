import FoundationEssentials
import TestSupport
import Testing

@testable import EtcdClient
@testable import HTTPEndpoint

/// A store, and the API to use with it.
enum Backend: String, CaseIterable, Sendable {
  case kvstoreV2, kvstoreV3, etcdV2, etcdV3

  init(_ store: TestStore, _ api: EtcdAPI) {
    self =
      switch (store, api) {
      case (.kvstore, .v3): .kvstoreV3
      case (.kvstore, _): .kvstoreV2
      case (.etcd, .v3): .etcdV3
      case (.etcd, _): .etcdV2
      }
  }

  /// The stores that this machine has.
  static let available = Self.allCases.filter { TestStore.available.contains($0.store) }

  var store: TestStore { self == .kvstoreV2 || self == .kvstoreV3 ? .kvstore : .etcd }

  var api: EtcdAPI { self == .kvstoreV3 || self == .etcdV3 ? .v3 : .v2 }

  /// Runs `body` with a store of its own.
  func with(_ body: (EtcdEndpoint) async throws -> Void) async throws {
    try await self.store.with(body)
  }

  func withClient(
    timeout: Duration = .seconds(60), _ body: (EtcdClient) async throws -> Void
  ) async throws {
    try await self.with {
      try await EtcdClient(endpoints: [$0], timeout: timeout, connectTimeout: timeout).run(body)
    }
  }

  func key(
    _ client: EtcdClient, value: String = "me", key: String = "a/lock", ttlSeconds: Int64 = 120,
    timeout: Duration = .seconds(60)
  ) -> any LeasedKey {
    EtcdLeasedKey(
      client: client, api: self.api,
      options: LeaseOptions(key: key, value: value, ttlSeconds: ttlSeconds, timeout: timeout))
  }
}

extension EtcdClient {
  /// Sends any request to the v3 gateway.
  @discardableResult
  func gateway(_ path: String, _ body: String, token: String? = nil) async throws -> String {
    try await self.transport.send(
      EtcdTransport.Call(
        method: .POST, target: "/v3" + path, body: body, contentType: "application/json",
        authorization: token, isRepeatable: true), until: .now + .seconds(10)
    ) { answer, endpoint throws(EtcdClientError) in
      let text = String(buffer: answer.body)
      guard answer.status == 200 else { throw .malformed(endpoint: endpoint, reason: text) }
      return text
    }
  }

  /// Writes, or with `nil` removes, a key like another client.
  func overwrite(_ key: String, with value: String?, by api: EtcdAPI) async throws {
    let name = Data("/\(key)".utf8).base64EncodedString()
    switch (api, value) {
    case (.v3, let value?):
      let value = Data(value.utf8).base64EncodedString()
      try await self.gateway("/kv/put", #"{"key":"\#(name)","value":"\#(value)"}"#)
    case (.v3, nil): try await self.gateway("/kv/deleterange", #"{"key":"\#(name)"}"#)
    case (_, let value?): try await self.put(key, value: value)
    case (_, nil): try await self.delete(key)
    }
  }
}

extension LeaseAnswer {
  var holder: Holder? { if case .held(let holder, _) = self.fact { holder } else { nil } }
  /// Of a grant.
  var term: UInt64? { if case .granted(let term, _) = self.fact { term } else { nil } }
  var grantedIndex: UInt64? {
    if case .granted(_, let modifiedIndex) = self.fact { modifiedIndex } else { nil }
  }
}

/// The contract of every leased key, against each store that this machine has.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct LeasedKeyTests {
  @Test(arguments: Backend.available)
  func isHeldByOneFromItsCreationToItsRelease(_ backend: Backend) async throws {
    try await backend.withClient { client in
      let mine = backend.key(client)
      let other = backend.key(client, value: "other")
      let before = try await mine.perform(.read)
      #expect(before.fact == .absent)

      let created = try await mine.perform(.create)
      let term = try #require(created.term)
      #expect(created.grantedIndex == term && term > before.position.index)
      #expect(created.position.index == term)
      #expect(created.position.clusterID == before.position.clusterID)
      #expect(created.position.clusterID != nil)
      #expect(try await other.perform(.create).fact == .exists)

      let renewed = try await mine.perform(.renew(ifIndex: term))
      let index = try #require(renewed.grantedIndex)
      #expect(renewed.term == term)
      let holder = Holder(name: "me", term: term, modifiedIndex: index)
      guard case .held(holder, let remaining) = try await other.perform(.read).fact else {
        throw TestFailure("it does not hold it")
      }
      // v3 has no remaining TTL.
      #expect(remaining != .endless)
      #expect(remaining.duration.map { (.seconds(60)...(.seconds(120))).contains($0) } != false)
      // For people both APIs have it.
      if let key = other as? EtcdLeasedKey {
        guard case .held(holder, .known(let rest)) = try await key.readWithRest().fact else {
          throw TestFailure("what is left of its lease is not known")
        }
        #expect(rest >= .seconds(60) && rest <= .seconds(120))
      }

      #expect(try await other.perform(.renew(ifIndex: index + 1)).fact == .changed)
      #expect(try await other.perform(.release(ifIndex: index + 1)).fact == .changed)
      async let change = other.nextChange(after: index)
      let released = try await mine.perform(.release(ifIndex: index))
      #expect(released.fact == .released)
      #expect(try await change == .removed(index: released.position.index))
      #expect(try await mine.perform(.renew(ifIndex: index)).fact == .absent)
      #expect(try await mine.perform(.release(ifIndex: index)).fact == .absent)
      let again = try #require(try await other.perform(.create).term)
      #expect(again > term)
    }
  }

  @Test(arguments: Backend.available)
  func aWatchTellsOfEveryChangeInItsOrder(_ backend: Backend) async throws {
    try await backend.withClient { client in
      let key = backend.key(client)
      let start = try await key.perform(.read).position.index
      let term = try #require(try await key.perform(.create).term)
      #expect(
        try await key.nextChange(after: start)
          == .written(Holder(name: "me", term: term, modifiedIndex: term)))
      try await client.overwrite("a/lock", with: "somebody", by: backend.api)
      guard case .written(let next) = try await key.nextChange(after: term) else {
        throw TestFailure("the change is not told")
      }
      #expect(next.name == "somebody" && next.modifiedIndex > term)
    }
  }

  @Test(arguments: Backend.available)
  func endsWithItsTimeToLive(_ backend: Backend) async throws {
    try await backend.withClient { client in
      let key = backend.key(client, ttlSeconds: 10)
      let sent = ContinuousClock.now
      let term = try #require(try await key.perform(.create).term)
      guard case .removed(let end) = try await key.nextChange(after: term) else {
        throw TestFailure("it was not removed")
      }
      // All safety rests on it: not before the TTL, counted from the sending.
      #expect(ContinuousClock.now - sent >= .seconds(10))
      #expect(end > term)
      #expect(try await key.perform(.renew(ifIndex: term)).fact == .absent)
    }
  }

  /// Longer than the TTL.
  @Test(arguments: Backend.available)
  func livesOnWhileItIsRenewed(_ backend: Backend) async throws {
    try await backend.withClient { client in
      let key = backend.key(client, ttlSeconds: 20)
      let term = try #require(try await key.perform(.create).term)
      var index = term
      for _ in 0..<11 {
        try await Task.sleep(for: .seconds(2))
        let answer = try await key.perform(.renew(ifIndex: index))
        #expect(answer.term == term)
        index = try #require(answer.grantedIndex)
      }
    }
  }

  /// In v3 the lease outlives its key.
  @Test(arguments: Backend.available)
  func isNotRenewedOnceItIsGoneOrChanged(_ backend: Backend) async throws {
    try await backend.withClient { client in
      let key = backend.key(client)
      let first = try #require(try await key.perform(.create).term)
      try await client.overwrite("a/lock", with: nil, by: backend.api)
      #expect(try await key.perform(.renew(ifIndex: first)).fact == .absent)
      let second = try #require(try await key.perform(.create).term)
      try await client.overwrite("a/lock", with: "somebody", by: backend.api)
      #expect(try await key.perform(.renew(ifIndex: second)).fact == .changed)
      #expect(try await key.perform(.release(ifIndex: second)).fact == .changed)
      #expect(try await key.perform(.read).holder?.name == "somebody")
    }
  }

  @Test(arguments: Backend.available)
  func isRenewedByWhoeverKnowsItsIndexAndItsValue(_ backend: Backend) async throws {
    try await backend.withClient { client in
      let term = try #require(try await backend.key(client).perform(.create).term)
      let index = try #require(
        try await backend.key(client).perform(.renew(ifIndex: term)).grantedIndex)
      #expect(try await backend.key(client).perform(.release(ifIndex: index)).fact == .released)
    }
  }

  @Test(arguments: Backend.available)
  func noticesAForgottenHistory(_ backend: Backend) async throws {
    try await backend.withClient { client in
      let key = backend.key(client)
      let term = try #require(try await key.perform(.create).term)
      if backend.api == .v3 {
        for _ in 0..<3 { try await client.overwrite("noise", with: "x", by: .v3) }
        try await client.gateway("/kv/compaction", #"{"revision":"\#(term + 3)"}"#)
      } else {
        for _ in 0..<1010 { try await client.overwrite("noise", with: "x", by: .v2) }
      }
      #expect(try await key.nextChange(after: term) == .historyCleared)
    }
  }

  @Test(arguments: Backend.available)
  func keepsSideKeys(_ backend: Backend) async throws {
    try await backend.withClient { client in
      let key = backend.key(client)
      #expect(try await key.sideValue("a/_receipt").fact == .absent)
      let written = try await key.setSideValue("a/_receipt", to: "term 4", if: .ifAbsent)
      // A lock that a person has written has no end.
      _ = try await key.setSideValue("by/hand", to: "x", if: .always)
      guard
        case .held(_, .endless) = try await backend.key(client, key: "by/hand").perform(.read).fact
      else { throw TestFailure("a key without a TTL has an end") }
      let index = written.position.index
      #expect(written.fact == .written(modifiedIndex: index))
      #expect(
        try await key.sideValue("a/_receipt").fact == .found(value: "term 4", modifiedIndex: index))
      for condition in [SideCondition.ifAbsent, .ifIndex(index + 1)] {
        #expect(
          try await key.setSideValue("a/_receipt", to: "no", if: condition).fact == .conditionFailed
        )
      }
      let replaced = try await key.setSideValue("a/_receipt", to: "term 5", if: .ifIndex(index))
      let next = replaced.position.index
      #expect(replaced.fact == .written(modifiedIndex: next))
      #expect(next > index)
      #expect(
        try await key.setSideValue("a/none", to: "no", if: .ifIndex(index)).fact
          == .conditionFailed)
      let last = try await key.setSideValue("a/_receipt", to: "ä b\n", if: .always).position.index
      #expect(
        try await key.sideValue("a/_receipt").fact == .found(value: "ä b\n", modifiedIndex: last))
    }
  }

  @Test(arguments: Backend.available)
  func ofManyAtOneInstantOneHasIt(_ backend: Backend) async throws {
    try await backend.withClient { client in
      for round in 0..<5 {
        let granted = try await withThrowingTaskGroup(of: Bool.self) { group in
          for name in 0..<10 {
            let key = backend.key(client, value: "\(name)", key: "race\(round)")
            group.addTask { try await key.perform(.create).term != nil }
          }
          return try await group.reduce(into: 0) { count, isGranted in count += isGranted ? 1 : 0 }
        }
        #expect(granted == 1)
      }
      guard backend.api == .v3 else { return }
      // The losers leave no lease behind.
      let leases = try await client.gateway("/lease/leases", "{}")
      #expect(leases.split(separator: #""ID""#).count - 1 == 5)
    }
  }
}
