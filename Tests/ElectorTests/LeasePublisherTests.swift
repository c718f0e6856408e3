import Foundation
import KubernetesClient
import KubernetesObjects
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Elector

@Suite struct LeaseObjectTests {
  @Test(
    arguments: [
      ("elector-scheduler", "kube-system/elector-scheduler"), ("a/b.c", "a/b.c"),
      ("A", nil), ("a/b/c", nil), ("a.b/c", nil), ("", nil), ("-a", nil), ("a/", nil), ("a_b", nil),
    ] as [(String, String?)])
  func namesAreKubernetes(_ text: String, _ name: String?) {
    #expect(LeaseName(text)?.description == name)
  }

  @Test(arguments: [
    ("scheduler", "kube-system/elector-scheduler"), ("/a/B_c/", "kube-system/elector-a-b-c"),
  ]) func aKeyBecomesAName(_ key: String, _ name: String) {
    #expect(LeaseName(ofKey: key)?.description == name)
  }

  @Test(arguments: [
    (0.0, "1970-01-01T00:00:00.000000Z"), (1_700_000_000.25, "2023-11-14T22:13:20.250000Z"),
    (1_700_000_000.000001, "2023-11-14T22:13:20.000000Z"),
  ]) func timesHaveSixDigits(_ seconds: Double, _ text: String) {
    let time = KubernetesTime.microseconds(Date(timeIntervalSince1970: seconds))
    #expect(time.dropLast(2) == text.dropLast(2))
    #expect(time.count == text.count)
  }

  @Test func aNewTermIsATransition() throws {
    let name = try #require(LeaseName("a/b"))
    func lease(_ holder: String, _ term: UInt64, _ found: JSONValue?, _ time: Double)
      -> JSONValue
    {
      LeaseObjects.lease(
        name, holder: holder, term: term, ttlSeconds: 30, found: found,
        now: Date(timeIntervalSince1970: time))
    }
    func transitions(_ lease: JSONValue) -> JSONValue? { lease["spec"]?["leaseTransitions"] }
    let first = lease("n1", 5, nil, 0)
    #expect(transitions(first) == 0 && LeaseObjects.isTakeover(first, after: nil))
    #expect(first["spec"]?["leaseDurationSeconds"] == 30)
    let renewed = lease("n1", 5, first, 60)
    #expect(!LeaseObjects.isTakeover(renewed, after: first))
    #expect(renewed["spec"]?["acquireTime"] == first["spec"]?["acquireTime"])
    #expect(renewed["spec"]?["renewTime"] == "1970-01-01T00:01:00.000000Z")
    for next in [lease("n2", 9, renewed, 90), lease("n1", 9, renewed, 90)] {
      #expect(transitions(next) == 1 && LeaseObjects.isTakeover(next, after: renewed))
      #expect(next["spec"]?["acquireTime"] == "1970-01-01T00:01:30.000000Z")
    }
  }
}

/// Over a real socket, with the answers of an API server.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct LeasePublisherTests {
  /// The only Lease of an API server.
  private final class Leases: Sendable {
    let state = Mutex<(lease: JSONValue?, events: [JSONValue], version: Int64)>((nil, [], 0))
    let refuses = Mutex(false)

    func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Reply {
      if self.refuses.withLock({ $0 }) {
        return .json(#"{"kind":"Status","message":"leases is forbidden"}"#, status: 403)
      }
      let body = try? JSONValue(parsing: Array(request.body.utf8))
      return self.state.withLock { state in
        switch (request.method, request.target, body) {
        case ("GET", "/apis/coordination.k8s.io/v1/namespaces/a/leases/b", _):
          return state.lease.map { .json("\($0)") } ?? .json("{}", status: 404)
        case ("POST", "/apis/coordination.k8s.io/v1/namespaces/a/leases", let lease?),
          ("PATCH", "/apis/coordination.k8s.io/v1/namespaces/a/leases/b", let lease?):
          guard lease.metadata.resourceVersion == state.lease?.metadata.resourceVersion ?? "" else {
            return .json(#"{"message":"the object has been modified"}"#, status: 409)
          }
          state.lease = lease
          Self.touch(&state)
          state.lease?["metadata"]?["uid"] = "u"
          return .json("\(state.lease ?? .null)")
        case ("POST", "/api/v1/namespaces/a/events", let event?):
          state.events.append(event)
          return .json("{}", status: 201)
        default: return .json("{}", status: 405)
        }
      }
    }

    static func touch(_ state: inout (lease: JSONValue?, events: [JSONValue], version: Int64)) {
      state.version += 1
      state.lease?["metadata"]?["resourceVersion"] = .string("\(state.version)")
    }
  }

  private func with(
    _ leases: Leases, _ body: @escaping @Sendable (LogLines) async throws -> Void
  ) async throws {
    try await ScriptedServer.with({ leases.answer($0) }) { server in
      let fixture = try ManifestFixture()
      defer { fixture.cleanUp() }
      let lines = LogLines()
      let election = try fixture.election(
        MemoryStore(name: "n1"), name: "n1", sleep: .milliseconds(100), lines)
      let publisher = LeasePublisher(
        server: APIServer(url: server.url), name: try #require(LeaseName("a/b")),
        board: election.board, logger: lines.logger)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await election.run() }
        group.addTask { try await publisher.run() }
        group.addTask { try await body(lines) }
        // Only the body ends by itself.
        try await group.next()
        group.cancelAll()
      }
    }
  }

  @Test func aMasterIsShownAndRenewedAndItsTakeoverIsAnEvent() async throws {
    let leases = Leases()
    try await self.with(leases) { _ in
      // It notices another client's write, and goes on with its own.
      try await eventually("renewed") { leases.state.withLock { $0.version } > 3 }
      leases.state.withLock { Leases.touch(&$0) }
      let version = leases.state.withLock { $0.version }
      try await eventually("renewed") { leases.state.withLock { $0.version } > version + 1 }
    }
    let (lease, events, _) = leases.state.withLock { $0 }
    #expect(lease?["spec"]?["holderIdentity"] == "n1")
    #expect(lease?["spec"]?["leaseTransitions"] == 0)
    #expect(events.map { $0["message"] } == ["n1 became leader"])
    #expect(events.first?["involvedObject"]?["uid"] == "u")
  }

  @Test func aServerThatRefusesIsToldOfOnceAndChangesNothing() async throws {
    let leases = Leases()
    leases.refuses.withLock { $0 = true }
    try await self.with(leases) { lines in
      try await eventually("refused") { lines.all.contains { $0.contains("leases is forbidden") } }
      try await Task.sleep(for: .seconds(1))
      #expect(lines.all.count { $0.contains("leases is forbidden") } == 1)
      leases.refuses.withLock { $0 = false }
      try await eventually("written") { leases.state.withLock { $0.version } > 0 }
      try await eventually("logged") {
        lines.all.contains { $0.contains("the Lease shows the lock again") }
      }
    }
  }
}
