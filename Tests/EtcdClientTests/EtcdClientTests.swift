import TestSupport
import Testing

@testable import EtcdClient
@testable import HTTPEndpoint

/// Against scripted servers on real sockets.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct EtcdClientTests {
  static let node =
    #"{"action":"get","node":{"key":"/k","value":"v","#
    + #""modifiedIndex":5,"createdIndex":4,"ttl":9,"expiration":"2030-01-01T00:00:00Z"}}"#

  @discardableResult
  private func with<Value: Sendable>(
    _ endpoints: [EtcdEndpoint], timeout: Duration = .seconds(20),
    _ body: (EtcdClient) async throws -> Value
  ) async throws -> Value {
    try await EtcdClient.with(endpoints: endpoints, timeout: timeout, body)
  }

  @Test func readsANode() async throws {
    try await ScriptedServer.with({ _ in .json(Self.node, index: 8) }) { server in
      let response = try await self.with([EtcdEndpoint(server.url)]) {
        try await $0.get("k", recursive: true, sorted: true, quorum: true)
      }
      let node = Node(
        key: "/k", value: "v", createdIndex: 4, modifiedIndex: 5, ttl: 9,
        expiration: "2030-01-01T00:00:00Z")
      #expect(response == KeysResponse(action: "get", node: node, etcdIndex: 8))
      #expect(
        server.requests.map(\.target) == ["/v2/keys/k?recursive=true&sorted=true&quorum=true"])
    }
  }

  /// A server that lost its power is noticed by the kernel.
  @Test func aSilentServerIsAskedWhetherItIsThere() async throws {
    try await ScriptedServer.with({ _ in .json(Self.node) }) { server in
      let port = try #require(server.url.split(separator: ":").last.flatMap { Int($0) })
      try await self.with([EtcdEndpoint(server.url)]) {
        _ = try await $0.get("k")
        try await eventually {
          let timers = try KeepAliveTimers.ofConnections(remotePort: port)
          return timers.count == 1 && timers.allSatisfy { (0...30).contains($0 ?? -1) }
        }
      }
    }
  }

  @Test func writesAsGoDoes() async throws {
    try await ScriptedServer.with({ _ in .json(Self.node, status: 201) }) { server in
      try await self.with([EtcdEndpoint(server.url)]) {
        try await $0.put("k", value: "me", ttlSeconds: 30, prevExist: false)
        try await $0.put("k", value: "me", prevValue: "you", prevIndex: 5)
        try await $0.put("d", dir: true)
        try await $0.put("k", ttlSeconds: 3, prevExist: true, refresh: true)
        try await $0.delete("k", prevIndex: 5)
      }
      let form = "application/x-www-form-urlencoded"
      #expect(
        server.requests == [
          .init(
            method: "PUT", target: "/v2/keys/k?prevExist=false", body: "value=me&ttl=30",
            contentType: form),
          .init(
            method: "PUT", target: "/v2/keys/k?prevIndex=5&prevValue=you", body: "value=me",
            contentType: form),
          .init(method: "PUT", target: "/v2/keys/d?dir=true", body: "", contentType: form),
          .init(
            method: "PUT", target: "/v2/keys/k?prevExist=true", body: "ttl=3&refresh=true",
            contentType: form),
          .init(method: "DELETE", target: "/v2/keys/k?prevIndex=5", body: ""),
        ])
    }
  }

  @Test func passesOnWhatTheServerRefuses() async throws {
    let body = #"{"errorCode":105,"message":"Key already exists","cause":"/k","index":12}"#
    try await ScriptedServer.with({ _ in .json(body, status: 412) }) { server in
      try await self.with([EtcdEndpoint(server.url)]) { client in
        let error = await #expect(throws: EtcdClientError.self) {
          try await client.put("k", value: "v", prevExist: false)
        }
        #expect(
          error
            == .refused(
              EtcdError(errorCode: 105, message: "Key already exists", cause: "/k", index: 12)))
        #expect(error?.errorCode == EtcdError.nodeExists)
      }
    }
  }

  /// The consensus may still agree later.
  @Test func aTimeOutInsideOfTheClusterIsNoRefusal() async throws {
    let body =
      #"{"errorCode":300,"message":"Raft Internal Error","cause":"request timed out","index":0}"#
    try await ScriptedServer.with({ _ in .json(body, status: 500) }) { server in
      let endpoint = try EtcdEndpoint(server.url)
      try await self.with([endpoint]) { client in
        let error = await #expect(throws: EtcdClientError.self) {
          try await client.put("k", value: "v")
        }
        #expect(
          error
            == .unanswered(
              endpoint: endpoint, reason: "etcd error 300: Raft Internal Error (request timed out)")
        )
      }
    }
  }

  @Test(arguments: [
    ScriptedServer.Reply.answer(200, ["X-Etcd-Index": "1"], "<html>"),
    .answer(200, [:], EtcdClientTests.node), .answer(404, [:], "<html>not found"),
  ]) func noticesWhatIsNoEtcd(_ reply: ScriptedServer.Reply) async throws {
    try await ScriptedServer.with({ _ in reply }) { server in
      try await self.with([EtcdEndpoint(server.url)]) { client in
        let error = await #expect(throws: EtcdClientError.self) { try await client.get("k") }
        guard case .malformed = error else {
          throw TestFailure("it was \(String(describing: error))")
        }
      }
    }
  }

  @Test func aRefusedConnectionIsUnreachable() async throws {
    let dead = EtcdEndpoint.refusing
    try await self.with([dead, dead]) { client in
      let error = await #expect(throws: EtcdClientError.self) { try await client.get("k") }
      #expect(error == .unreachable(endpoint: dead, reason: "Connection refused"))
      #expect(error?.description == "cannot reach etcd at \(dead): Connection refused")
    }
  }

  @Test func goesOnToTheNextEndpointInTheSameCallAndStaysThere() async throws {
    try await ScriptedServer.with({ _ in .json(Self.node) }) { server in
      let dead = EtcdEndpoint.refusing
      try await self.with([dead, EtcdEndpoint(server.url)]) { client in
        _ = try await client.get("k")
        _ = try await client.get("k")
      }
      #expect(server.requests.count == 2)
    }
  }

  @Test(arguments: [ScriptedServer.Reply.silence, .headOnly, .hangUp])
  func neverSendsAWriteTwiceButTurnsToAnotherForTheNext(
    _ reply: ScriptedServer.Reply
  ) async throws {
    try await ScriptedServer.with({ _ in reply }) { bad in
      try await ScriptedServer.with({ _ in .json(Self.node) }) { good in
        let endpoints = [try EtcdEndpoint(bad.url), try EtcdEndpoint(good.url)]
        try await self.with(endpoints) { client in
          let error = await #expect(throws: EtcdClientError.self) {
            try await client.put("k", value: "v", timeout: .seconds(2))
          }
          guard case .unanswered(endpoints[0], _) = error else {
            throw TestFailure("it was \(String(describing: error))")
          }
          #expect(good.requests.isEmpty)
          try await client.put("k", value: "v")
          #expect(bad.requests.count == 1 && good.requests.count == 1)
        }
      }
    }
  }

  @Test func aRedirectIsAnErrorThatNamesBothAddresses() async throws {
    let location = "http://elsewhere:2379/v2/keys/k"
    try await ScriptedServer.with({ _ in .answer(307, ["Location": location], "") }) { server in
      try await self.with([EtcdEndpoint(server.url)]) { client in
        let calls: [() async throws -> Void] = [
          { _ = try await client.put("k", value: "v") }, { _ = try await client.version() },
        ]
        for call in calls {
          let error = await #expect(throws: EtcdClientError.self) { try await call() }
          guard case .malformed = error else {
            throw TestFailure("it was \(String(describing: error))")
          }
          #expect("\(error, default: "")".contains(server.url))
          #expect("\(error, default: "")".contains("redirects to \(location)"))
        }
      }
    }
  }

  @Test func aWatchOutlivesTheTimeOutAndEndsWhenCancelled() async throws {
    let reply: @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply = { request in
      request.target.contains("waitIndex=9") ? .headOnly : .json(Self.node)
    }
    try await ScriptedServer.with(reply) { server in
      try await self.with([EtcdEndpoint(server.url)], timeout: .seconds(2)) { client in
        let watch = Task { try await client.watch("k", waitIndex: 9) }
        while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        // Longer than the client's time-out, which must not end the watch.
        try await Task.sleep(for: .seconds(3))
        watch.cancel()
        await #expect(throws: EtcdClientError.self) { try await watch.value }
        #expect(server.requests.map(\.target) == ["/v2/keys/k?wait=true&waitIndex=9"])
      }
    }
  }
}
