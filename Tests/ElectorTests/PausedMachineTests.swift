import Elector
import EtcdClient
import Foundation
import HTTPEndpoint
import Logging
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

/// A store of etcd's v2 API that grants everything, until it has lost its quorum. Its clock may be set ahead: what
/// a machine sees that stood still with its clocks.
private final class LoneMember: Sendable {
  private struct State {
    var index = 7
    var secondsAhead = 0
    var hasQuorum = true
    var keys: [String: (created: Int, modified: Int, value: String)] = [:]
  }
  private let state = Mutex(State())
  private static let formatter: Mutex<DateFormatter> = {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return Mutex(formatter)
  }()

  func losesQuorum(secondsAhead: Int) {
    self.state.withLock { ($0.hasQuorum, $0.secondsAhead) = (false, secondsAhead) }
  }

  func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Reply {
    if request.target.contains("wait=true") { return .silence }
    let (status, body, index, ahead) = self.state.withLock { state in
      let (status, body) = Self.answer(request, &state)
      return (status, body, state.index, state.secondsAhead)
    }
    let date = Self.formatter.withLock { $0.string(from: Date() + TimeInterval(ahead)) }
    return .answer(status, ["X-Etcd-Index": "\(index)", "Date": date], body)
  }

  private static func answer(
    _ request: ScriptedServer.Request, _ state: inout State
  ) -> (Int, String) {
    guard request.target.hasPrefix("/v2/keys") else { return (404, "404 page not found\n") }
    guard state.hasQuorum else {
      return (500, Self.error(300, "Raft Internal Error", state.index))
    }
    let key = String(
      request.target.dropFirst("/v2/keys".count).prefix { $0 != "?" })
    if request.method == "PUT" {
      state.index += 1
      let created = state.keys[key]?.created ?? state.index
      state.keys[key] = (created, state.index, "me")
    }
    guard let node = state.keys[key] else {
      return (404, Self.error(100, "Key not found", state.index))
    }
    return (
      200,
      #"""
      {"action":"\#(request.method == "PUT" ? "set" : "get")","node":{"key":"\#(key)","value":
      "\#(node.value)","createdIndex":\#(node.created),"modifiedIndex":\#(node.modified)}}
      """#
    )
  }

  private static func error(_ code: Int, _ message: String, _ index: Int) -> String {
    #"{"errorCode":\#(code),"message":"\#(message)","cause":"","index":\#(index)}"#
  }
}

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct PausedMachineTests {
  /// By its own clock it would believe for more than three minutes. A member without a quorum decides nothing about
  /// the lease, but tells the time.
  @Test func aLeaderThatStoodStillRemovesItsManifestAtTheFirstAnswer() async throws {
    let fixture = try ManifestFixture()
    defer { fixture.cleanUp() }
    let member = LoneMember()
    try await ScriptedServer.with({ member.answer($0) }) {
      (server: ScriptedServer) async throws -> Void in
      let endpoint = try EtcdEndpoint(server.url)
      try await EtcdClient.with(endpoints: [endpoint], timeout: .seconds(20)) {
        (client: EtcdClient) async throws -> Void in
        let options = LeaseOptions(key: "k", value: "me", ttlSeconds: 300, timeout: .seconds(20))
        let key = EtcdLeasedKey(client: client, api: .v2, options: options)
        let service = try fixture.election(
          EtcdLeaseStore(key: key, name: "k"), ttl: 300, sleep: .seconds(1))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
          tasks.addTask { try await service.run() }
          try await eventually("installed") { fixture.installed != nil }
          let begin = ContinuousClock.now
          member.losesQuorum(secondsAhead: 260)
          try await eventually("removed") { fixture.installed == nil }
          #expect(ContinuousClock.now - begin < .seconds(100))
          tasks.cancelAll()
        }
      }
    }
  }
}
