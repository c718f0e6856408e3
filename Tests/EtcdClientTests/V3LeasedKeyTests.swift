import Synchronization
import TestSupport
import Testing

@testable import EtcdClient
@testable import HTTPEndpoint

/// The v3 key against a scripted gateway, for cases that are rare with a real one.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct V3LeasedKeyTests {
  private static func header(revision: Int = 9, term: Int = 2) -> String {
    #""header":{"cluster_id":"7","revision":"\#(revision)","raft_term":"\#(term)"}"#
  }

  /// A transaction's answer that found our key, with a lease.
  private static func found(lease: String, term: Int) -> String {
    #"""
    {\#(Self.header(term: term)),"succeeded":true,"responses":[{"response_range":{"kvs":[
    {"key":"L2s=","create_revision":"9","mod_revision":"9","value":"bWU=","lease":"\#(lease)"}]}}]}
    """#
  }

  private func withKey(
    version: String = "3.4.23", timeout: Duration = .seconds(20),
    _ reply: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply,
    _ body: (EtcdLeasedKey, ScriptedServer) async throws -> Void
  ) async throws {
    try await ScriptedServer.with({
      if Self.choosesAPI($0), version != Self.withoutGateway {
        return .json(#"{\#(Self.header()),"succeeded":true}"#)
      }
      return $0.target == "/version"
        ? .json(#"{"etcdserver":"\#(version)","etcdcluster":"3.4.0"}"#) : reply($0)
    }) { server in
      try await EtcdClient.with(endpoints: [EtcdEndpoint(server.url)], timeout: .seconds(60)) {
        client in
        let options = LeaseOptions(key: "k", value: "me", ttlSeconds: 10, timeout: timeout)
        try await body(EtcdLeasedKey(client: client, api: .v3, options: options), server)
      }
    }
  }

  private static let withoutGateway = "3.3.27"

  /// Whether a request is about the record of the API, `/_k.api`.
  private static func choosesAPI(_ request: ScriptedServer.Request) -> Bool {
    request.body.contains("L19rLmFwaQ==")
  }

  private static func id(in request: ScriptedServer.Request) -> String {
    String(request.body.firstMatch(of: /"ID":"(\d+)"/)?.1 ?? "none")
  }

  /// When the key may or may not exist, its lease is revoked before the next read; after that the key does
  /// not exist.
  @Test func whatMayHaveBeenMadeIsTakenBackBeforeItIsLookedAt() async throws {
    try await self.withKey(timeout: .seconds(10)) { request in
      switch request.target {
      case "/v3/lease/grant": .json(#"{\#(Self.header()),"ID":"1","TTL":"10"}"#)
      case "/v3/kv/txn": .silence
      case "/v3/lease/revoke", "/v3/kv/range": .json("{\(Self.header())}")
      default: .hangUp
      }
    } _: { (key: EtcdLeasedKey, server: ScriptedServer) async throws -> Void in
      let error = await #expect(throws: EtcdClientError.self) { try await key.perform(.create) }
      #expect(error?.isOutcomeUnknown == true)
      #expect(try await key.perform(.read).fact == .absent)
      #expect(
        server.requests.filter { !Self.choosesAPI($0) }.map(\.target) == [
          "/version", "/v3/lease/grant", "/v3/kv/txn", "/v3/lease/revoke", "/v3/kv/range",
        ])
      let ids = server.requests.filter { $0.target.contains("lease") }.map(Self.id)
      #expect(Set(ids).count == 1 && ids.first != "none")
      #expect(try await key.perform(.read).fact == .absent)
      #expect(server.requests.count == 8, "it is taken back once")
    }
  }

  /// A deposed leader of etcd that does not know it yet keeps a lease alive that its successor lets
  /// expire.
  @Test(arguments: [
    (keepAlive: [2], look: [2], isGranted: true, requests: 2),
    (keepAlive: [2, 3], look: [3, 3], isGranted: true, requests: 4),
    (keepAlive: [2, 2], look: [3, 3], isGranted: false, requests: 4),
  ]) func bothHalvesOfARenewalAreInOneTermOfEtcd(
    _ keepAlive: [Int], _ look: [Int], _ isGranted: Bool, _ requests: Int
  ) async throws {
    let lease = Mutex("")
    let counts = Mutex((keepAlive: 0, look: 0))
    try await self.withKey { request in
      switch request.target {
      case "/v3/lease/grant":
        lease.withLock { $0 = Self.id(in: request) }
        return .json(#"{\#(Self.header()),"TTL":"10"}"#)
      case "/v3/kv/txn" where request.body.contains("request_put"):
        return .json(#"{\#(Self.header()),"succeeded":true}"#)
      case "/v3/lease/keepalive":
        let term = counts.withLock { counts in
          counts.keepAlive += 1
          return keepAlive[counts.keepAlive - 1]
        }
        return .json(#"{"result":{\#(Self.header(term: term)),"TTL":"10"}}"#)
      case "/v3/kv/txn":
        let term = counts.withLock { counts in
          counts.look += 1
          return look[counts.look - 1]
        }
        return .json(Self.found(lease: lease.withLock { $0 }, term: term))
      default: return .hangUp
      }
    } _: { (key: EtcdLeasedKey, server: ScriptedServer) async throws -> Void in
      let term = try #require(try await key.perform(.create).term)
      let before = server.requests.count
      if isGranted {
        #expect(
          try await key.perform(.renew(ifIndex: term)).fact
            == .granted(term: term, modifiedIndex: term))
      } else {
        let error = await #expect(throws: EtcdClientError.self) {
          try await key.perform(.renew(ifIndex: term))
        }
        #expect(error?.isOutcomeUnknown == true)
      }
      #expect(server.requests.count - before == requests)
    }
  }

  /// The key outlives its lease for a moment.
  @Test func aLeaseThatHasEndedIsNoGrant() async throws {
    let lease = Mutex("")
    try await self.withKey { request in
      switch request.target {
      case "/v3/lease/grant":
        lease.withLock { $0 = Self.id(in: request) }
        return .json(#"{\#(Self.header()),"TTL":"10"}"#)
      case "/v3/kv/txn" where request.body.contains("request_put"):
        return .json(#"{\#(Self.header()),"succeeded":true}"#)
      case "/v3/lease/keepalive": return .json(#"{"result":{\#(Self.header())}}"#)
      case "/v3/kv/txn": return .json(Self.found(lease: lease.withLock { $0 }, term: 2))
      default: return .hangUp
      }
    } _: { (key: EtcdLeasedKey, _: ScriptedServer) async throws -> Void in
      let term = try #require(try await key.perform(.create).term)
      await #expect(throws: EtcdClientError.self) { try await key.perform(.renew(ifIndex: term)) }
    }
  }

  /// Its gateway has other paths.
  @Test func anEtcdWithoutV3IsRefusedAndV2IsNamed() async throws {
    try await self.withKey(version: Self.withoutGateway) { _ in
      .answer(404, [:], "404 page not found\n")
    } _: { (key: EtcdLeasedKey, server: ScriptedServer) async throws -> Void in
      let error = await #expect(throws: EtcdClientError.self) { try await key.perform(.read) }
      #expect(error == .apiMissing(endpoint: try EtcdEndpoint(server.url), .v3))
      #expect(
        "\(error, default: "")".contains(
          "set enable-grpc-gateway: true, which a config file of 3.4 leaves off"))
      #expect("\(error, default: "")".contains("--etcd-api=v2"))
      #expect(server.requests.map(\.target) == ["/v3/kv/range"])
    }
  }

  @Test(arguments: [
    (14, "etcdserver: no leader", true), (14, "etcdserver: request timed out", true),
    (2, "context canceled", true), (9, "etcdserver: lease already exists", false),
    (8, "etcdserver: mvcc: database space exceeded", false),
  ]) func whatMayStillBeAgreedOnIsNoRefusal(
    _ code: Int, _ message: String, _ isUnknown: Bool
  ) throws {
    let endpoint = try EtcdEndpoint("http://127.0.0.1:1")
    let error = EtcdGatewayError(code: code, message: message).clientError(from: endpoint)
    #expect(error.isOutcomeUnknown == isUnknown)
  }

  @Test(arguments: [
    #"{"error":{"grpc_code":11,"http_code":400,"message":"no","http_status":"Bad Request"}}"#,
    #"{"error":{"code":11,"message":"no","details":[]}}"#,
  ]) func readsAnErrorInAStream(_ line: String) async throws {
    let answer = HTTPAnswer(status: 200, headers: [:], body: .init(string: line))
    let message = try #require(answer.decoded(Gateway.StreamReply<Gateway.LeaseReply>.self))
    #expect(message.error?.meaning == EtcdGatewayError(code: 11, message: "no"))
  }
}
