import Foundation
import TestSupport
import Testing

@testable import KVStore

/// `/v2/stats/…`: what is counted, and under which name.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct StoreStatisticsTests {
  private static let counters = [
    "getsSuccess", "getsFail", "setsSuccess", "setsFail", "deleteSuccess", "deleteFail",
    "updateSuccess", "updateFail", "createSuccess", "createFail", "compareAndSwapSuccess",
    "compareAndSwapFail", "compareAndDeleteSuccess", "compareAndDeleteFail", "expireCount",
    "watchers",
  ]

  private struct Case: Sendable, CustomTestStringConvertible {
    let request: String
    let counter: String?
    var testDescription: String { self.request }
  }

  /// On a store with the key `/a` of value 1 and the directory `/d`.
  private static let cases: [Case] = [
    Case(request: "GET /a", counter: "getsSuccess"),
    Case(request: "HEAD /a", counter: "getsSuccess"),
    Case(request: "GET /?recursive=true", counter: "getsSuccess"),
    Case(request: "GET /none", counter: "getsFail"),
    Case(request: "GET /none?recursive=true", counter: "getsFail"),
    Case(request: "PUT /b?value=1", counter: "setsSuccess"),
    Case(request: "PUT /d?value=1", counter: "setsFail"),
    Case(request: "PUT /b?prevExist=false", counter: "createSuccess"),
    Case(request: "POST /d?value=1", counter: "createSuccess"),
    Case(request: "PUT /a?prevExist=false", counter: "createFail"),
    Case(request: "PUT /a?prevExist=true", counter: "updateSuccess"),
    Case(request: "PUT /none?prevExist=true", counter: "updateFail"),
    Case(request: "PUT /a?prevValue=1", counter: "compareAndSwapSuccess"),
    Case(request: "PUT /a?prevValue=2", counter: "compareAndSwapFail"),
    Case(request: "DELETE /a", counter: "deleteSuccess"),
    Case(request: "DELETE /none", counter: "deleteFail"),
    Case(request: "DELETE /a?prevValue=1", counter: "compareAndDeleteSuccess"),
    Case(request: "DELETE /a?prevValue=2", counter: "compareAndDeleteFail"),
    // Refused for their parameters, or no matter of the store's.
    Case(request: "GET /a?recursive=x", counter: nil),
    Case(request: "PUT /a?ttl=x", counter: nil),
    Case(request: "PATCH /a", counter: nil),
  ]

  @Test(arguments: Self.cases) private func countsUnderItsName(_ test: Case) async throws {
    try await withServer { client in
      _ = try await client.put("/a", "value=1")
      _ = try await client.put("/d", "dir=true")
      let before = try await self.counters(client)
      let words = test.request.split(separator: " ").map(String.init)
      _ = try await client.send(.init(rawValue: words[0]), "/v2/keys" + words[1])
      let after = try await self.counters(client)
      #expect(Set(after.keys) == Set(Self.counters))
      let changed = Self.counters.filter { after[$0] != before[$0] }
      #expect(changed == [test.counter].compactMap(\.self))
      for name in changed { #expect(after[name] == (before[name] ?? 0) + 1) }
    }
  }

  @Test func anExpiryAndAWatchAreCounted() async throws {
    try await withServer { client in
      // It waits for the second change, so that it is there before the key, however slow all of this is.
      let watch = try await client.watch("/a?wait=true&waitIndex=2")
      #expect(try await self.counters(client)["watchers"] == 1)
      _ = try await client.put("/a", "value=1&ttl=1")
      _ = try await watch.body.collect(upTo: 4096)
      let after = try await self.counters(client)
      #expect(after["expireCount"] == 1)
      #expect(after["watchers"] == 0)
    }
  }

  @Test func theMemberLeadsItself() async throws {
    try await withServer { client in
      let own = try #require(try await client.send(.GET, "/v2/stats/self").object)
      #expect(own["state"] as? String == "StateLeader")
      let leader = try #require(own["leaderInfo"] as? [String: Any])
      #expect(leader["leader"] as? String == own["id"] as? String)
      let id = try #require(own["id"] as? String)
      #expect(
        try await client.send(.GET, "/v2/stats/leader").text
          == #"{"leader":"\#(id)","followers":{}}"#)
    }
  }

  @Test(arguments: ["store", "self", "leader"]) func isOnlyForReading(page: String) async throws {
    try await withServer { client in
      let answer = try await client.send(.PUT, "/v2/stats/" + page)
      #expect(answer.status == 405)
      #expect(answer.headers.first(name: "Allow") == "GET")
    }
  }

  @Test(
    arguments: [
      (0, "0s"), (400_000, "0.0004s"), (3_404_151_691, "3.404151691s"), (60_000_000_000, "1m0s"),
      (3_723_500_000_000, "1h2m3.5s"),
    ] as [(Int64, String)])
  func anUptimeReadsAsInGo(nanoseconds: Int64, text: String) {
    #expect(GoUptime(nanoseconds: nanoseconds).description == text)
  }

  private func counters(_ client: TestClient) async throws -> [String: Int] {
    try #require(try await client.send(.GET, "/v2/stats/store").object as? [String: Int])
  }
}
