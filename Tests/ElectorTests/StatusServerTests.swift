import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import TestSupport
import Testing

@testable import Elector
@testable import ElectorHTTP

/// The status of an election, as a value.
@Suite struct ElectionStatusTests {
  private static func election() throws -> Election {
    Election(
      candidate: Candidate(name: "me"),
      timing: try Timing(ttlSeconds: 30, sleep: .seconds(5)))
  }

  private static func at(_ seconds: Int) -> Instant { Instant(.seconds(seconds)) }

  @Test func aStoreThatFailsForLongerThanARenewalIsTrouble() throws {
    let election = try Self.election()
    var status = ElectionStatus(key: "k", election: election)
    status.turned(election, at: Self.at(1))
    #expect(status.trouble(at: Self.at(2)) == nil)
    status.note(.storeFails(reason: "refused"), at: Self.at(2))
    status.turned(election, at: Self.at(7))
    #expect(status.trouble(at: Self.at(7)) == nil)
    status.note(.storeFails(reason: "timed out"), at: Self.at(8))
    status.turned(election, at: Self.at(8))
    #expect(
      status.trouble(at: Self.at(8)) == "the store has failed for 6.0 seconds: timed out")
    status.note(.storeAnswersAgain, at: Self.at(9))
    #expect(status.trouble(at: Self.at(9)) == nil)
    #expect(status.errors["store"] == 2)
  }

  @Test func aLoopThatStandsStillIsTrouble() throws {
    let election = try Self.election()
    var status = ElectionStatus(key: "k", election: election)
    status.turned(election, at: Self.at(10))
    #expect(status.standstill(at: Self.at(25)) == nil)
    #expect(status.standstill(at: Self.at(26)) == "the loop has not turned for 16.0 seconds")
  }

  @Test func takeoversLossesAndFencesAreCounted() throws {
    var status = ElectionStatus(key: "k", election: try Self.election())
    for report: Election.Report in [
      .acquired(term: 1), .lost(term: 1, .deadline), .regained(term: 1), .lost(term: 1, .removed),
      .acquired(term: 2), .lost(term: 2, .replaced(by: "x")), .storeWentBack(from: 9, to: 1),
    ] { status.note(report, at: .start) }
    #expect(status.takeovers == ["acquired": 2, "regained": 1])
    #expect(status.losses == ["deadline": 1, "removed": 1, "replaced": 1])
    #expect(status.fences == 2)
  }
}

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct StatusServerTests {
  /// Runs an election in memory with its server.
  private func with(
    _ store: MemoryStore, _ body: (String, ManifestFixture) async throws -> Void
  ) async throws {
    try await self.with(store) { url, _, fixture in try await body(url, fixture) }
  }

  /// The same with its control socket.
  private func with(
    _ store: MemoryStore,
    _ body: (_ url: String, _ socket: String, _ fixture: ManifestFixture) async throws -> Void
  ) async throws {
    try await NodeKubelet.idle { try await self.with(store, $0, body) }
  }

  private func with(
    _ store: MemoryStore, _ kubelet: NodeKubelet,
    _ body: (_ url: String, _ socket: String, _ fixture: ManifestFixture) async throws -> Void
  ) async throws {
    let fixture = try ManifestFixture()
    defer { fixture.cleanUp() }
    let service = try fixture.election(store, kubelet: kubelet)
    let (urls, announcement) = AsyncStream.makeStream(of: String.self)
    let server = StatusServer(boards: [service.board], host: "127.0.0.1", port: 0) {
      announcement.yield($0)
    }
    let socket = fixture.directory.appending(path: "c.sock").path
    let (controls, control) = AsyncStream.makeStream(of: Void.self)
    let controlServer = ControlServer(boards: [service.board], path: socket) { control.yield() }
    let group = ServiceGroup(
      configuration: .init(
        services: [
          .init(service: service, successTerminationBehavior: .gracefullyShutdownGroup),
          .init(service: server, successTerminationBehavior: .ignore),
          .init(service: controlServer, successTerminationBehavior: .ignore),
        ], logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      for await _ in controls { break }
      for await url in urls {
        try await body(url, socket, fixture)
        break
      }
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
    }
  }

  /// The answer to a write at a control socket.
  private func post(_ path: String, to socket: String) async throws -> UInt {
    try await self.ask("http+unix://\(socket.replacing("/", with: "%2F"))\(path)", .POST).0
  }

  private func ask(_ url: String, _ method: HTTPMethod = .GET) async throws -> (UInt, String) {
    var request = HTTPClientRequest(url: url)
    request.headers.replaceOrAdd(name: "Host", value: "localhost")
    request.method = .RAW(value: method.rawValue)
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
    return (
      response.status.code, String(buffer: try await response.body.collect(upTo: 1 << 20))
    )
  }
  private enum HTTPMethod: String { case GET, POST }

  /// The body of the first answer that holds.
  private func eventually(
    _ url: String, _ holds: ((UInt, String)) -> Bool
  ) async throws -> String {
    var answer: (UInt, String) = (0, "")
    try await TestSupport.eventually("\(url) says \(answer)") {
      answer = try await self.ask(url)
      return holds(answer)
    }
    return answer.1
  }

  @Test func aMasterIsSeen() async throws {
    try await self.with(MemoryStore()) { url, _ in
      let leader = try await self.eventually(url + "/leader") {
        $0.1.contains(#""is_installed":true"#)
      }
      let json = try JSONSerialization.jsonObject(with: Data(leader.utf8)) as? [String: Any]
      #expect(json?["name"] as? String == "me")
      #expect(json?["key"] as? String == "k")
      #expect(json?["is_leader"] as? Bool == true)
      #expect((json?["term"] as? Int ?? 0) > 0)
      #expect(try await self.ask(url + "/healthz") == (200, "ok\n"))
      #expect(try await self.ask(url + "/readyz") == (200, "ok\n"))
      let (_, metrics) = try await self.ask(url + "/metrics")
      for line in [
        #"elector_leader{key="k"} 1"#, #"elector_manifest_installed{key="k"} 1"#,
        #"elector_takeovers_total{key="k",reason="acquired"} 1"#,
        #"elector_fences_total{key="k"} 0"#,
        #"elector_errors_total{key="k",kind="store"} 0"#, #"elector_healthy{key="k"} 1"#,
      ] { #expect(metrics.contains(line + "\n"), "\(line)") }
      #expect(metrics.contains(#"elector_lease_rest_seconds{key="k"} "#))
    }
  }

  @Test func withoutATimeItStepsDownUntilItIsResumed() async throws {
    let store = MemoryStore()
    try await self.with(store) { url, socket, fixture in
      _ = try await self.eventually(url + "/leader") { $0.1.contains(#""is_installed":true"#) }
      #expect(try await self.post("/step-down", to: socket) == 202)
      let paused = try await self.eventually(url + "/leader") {
        $0.1.contains(#""name":"""#) && $0.1.contains(#""is_paused":true"#)
      }
      #expect(paused.contains(#""is_leader":false"#))
      #expect(fixture.installed == nil)
      // Several rounds later it still holds.
      try await Task.sleep(for: .seconds(1))
      #expect(try await self.ask(url + "/leader").1.contains(#""is_leader":false"#))
      #expect(try await self.post("/resume", to: socket) == 202)
      _ = try await self.eventually(url + "/leader") { $0.1.contains(#""is_installed":true"#) }
    }
  }

  /// Whatever reaches the port.
  @Test func thePortOnlyTells() async throws {
    try await self.with(MemoryStore()) { url, _ in
      _ = try await self.eventually(url + "/leader") { $0.1.contains(#""is_installed":true"#) }
      for path in ["/step-down", "/step-down?for=60", "/resume", "/pause"] {
        let (status, text) = try await self.ask(url + path, .POST)
        #expect(status == 410 && text.contains("use elector step-down"))
      }
      for path in ["/leader", "/metrics", "/healthz"] {
        #expect(try await self.ask(url + path, .POST).0 == 404)
      }
      #expect(try await self.ask(url + "/leader").1.contains(#""is_paused":false"#))
      #expect(try await self.ask(url + "/leader").1.contains(#""is_leader":true"#))
    }
  }

  @Test func theSocketIsItsOwnersAlone() async throws {
    try await self.with(MemoryStore()) { url, socket, fixture in
      var status = stat()
      #expect(lstat(socket, &status) == 0 && status.st_mode & 0o777 == 0o600)
      let again = ControlServer(boards: [], path: socket, patience: .zero)
      await #expect(
        throws: ControlServerError(path: socket, reason: "another process listens there")
      ) { try await again.run() }
      let file = fixture.directory.appending(path: "file").path
      try "x".write(toFile: file, atomically: false, encoding: .utf8)
      await #expect(throws: ControlServerError(path: file, reason: "it is another kind of file")) {
        try await ControlServer(boards: [], path: file).run()
      }
      #expect(try await self.post("/step-down?key=none", to: socket) == 404)
      #expect(try await self.post("/step-down", to: socket) == 202)
    }
  }

  /// It was killed, or its machine lost its power.
  @Test func aSocketThatWasLeftIsReplaced() async throws {
    try await TemporaryFiles.with { files in
      let path = files.path("c.sock")
      let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      let isBound = withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(left, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      #expect(isBound == 0)
      close(left)
      let (listening, announcement) = AsyncStream.makeStream(of: Void.self)
      try await withThrowingTaskGroup(of: Void.self) { group async throws in
        group.addTask {
          try await ControlServer(boards: [], path: path) { announcement.yield() }.run()
        }
        for await _ in listening { break }
        #expect(try await self.post("/resume", to: path) == 404)
        group.cancelAll()
        while (try? await group.next()) != nil {}
      }
    }
  }

  @Test func aForeignPageGetsNoAnswerToAWrite() async throws {
    try await self.with(MemoryStore()) { url, _ in
      _ = try await self.eventually(url + "/leader") { $0.1.contains(#""is_installed":true"#) }
      for (name, value, code) in [
        ("Origin", "http://evil.example", 403), ("Sec-Fetch-Site", "cross-site", 403),
        ("Host", "evil.example", 421),
      ] as [(String, String, UInt)] {
        var request = HTTPClientRequest(url: url + "/step-down")
        request.method = .POST
        request.headers.replaceOrAdd(name: name, value: value)
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        #expect(response.status.code == code)
      }
      #expect(try await self.ask(url + "/leader").1.contains(#""is_paused":false"#))
    }
  }

  @Test func oneThatSteppedDownComesBackByItself() async throws {
    try await self.with(MemoryStore()) { url, socket, _ in
      _ = try await self.eventually(url + "/leader") { $0.1.contains(#""is_installed":true"#) }
      #expect(try await self.post("/step-down?for=", to: socket) == 400)
      #expect(try await self.post("/step-down?for=-1", to: socket) == 400)
      #expect(try await self.post("/step-down?for=1.5", to: socket) == 202)
      _ = try await self.eventually(url + "/leader") { $0.1.contains(#""is_leader":false"#) }
      _ = try await self.eventually(url + "/leader") { $0.1.contains(#""is_installed":true"#) }
    }
  }

  /// A probe that restarts the elector asks `/healthz`.
  @Test func aStoreThatFailsIsNoReasonToRestart() async throws {
    let store = MemoryStore()
    try await self.with(store) { url, _ in
      _ = try await self.eventually(url + "/healthz") { $0.0 == 200 }
      store.state.withLock { $0.isFrozen = true }
      let reason = try await self.eventually(url + "/readyz") { $0.0 == 503 }
      #expect(reason.hasPrefix("the store has failed for "))
      let (status, text) = try await self.ask(url + "/healthz")
      #expect(status == 200 && text.hasPrefix("ok\nthe store has failed for "))
      #expect(try await self.ask(url + "/metrics").1.contains(#"elector_healthy{key="k"} 0"#))
      store.state.withLock { $0.isFrozen = false }
      _ = try await self.eventually(url + "/readyz") { $0.0 == 200 }
      #expect(try await self.ask(url + "/healthz") == (200, "ok\n"))
    }
  }
}
