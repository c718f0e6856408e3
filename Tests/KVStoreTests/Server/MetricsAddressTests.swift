import InMemoryLogging
import Logging
import NIOHTTP1
import TestSupport
import Testing

@testable import KVStore

/// `--listen-metrics-urls`: what is served there, and what is not.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct MetricsAddressTests {
  /// As a real etcd 3.4 answers at such an address.
  @Test(
    arguments: [
      (.GET, "/metrics", 200, "# HELP"), (.POST, "/metrics", 200, "# HELP"),
      (.OPTIONS, "/metrics", 200, "# HELP"),
      (.GET, "/health", 200, #"{"health":"true"}"#),
      (.POST, "/health", 405, "Method Not Allowed"),
      (.OPTIONS, "/health", 405, "Method Not Allowed"),
      (.GET, "/version", 404, "404 page not found"), (.GET, "/v2/keys", 404, "404 page not found"),
      (.PUT, "/v2/keys/a?value=1", 404, "404 page not found"),
      (.POST, "/v2/members", 404, "404 page not found"),
      (.GET, "/v2/auth/users", 404, "404 page not found"),
      (.POST, "/v3/kv/range", 404, "404 page not found"), (.GET, "/v3", 404, "404 page not found"),
      (.OPTIONS, "/nowhere", 404, "404 page not found"), (.GET, "/", 404, "404 page not found"),
    ] as [(HTTPMethod, String, Int, String)])
  func onlyMetricsAndHealthAreThere(
    method: HTTPMethod, path: String, status: Int, text: String
  ) async throws {
    try await withRunningServer(metricsURLs: ["http://127.0.0.1:0"]) { server in
      let answer = try await TestClient(base: try #require(server.metricsURLs.first))
        .send(method, path)
      #expect(answer.status == status)
      #expect(answer.text.hasPrefix(text))
      let client = TestClient(base: server.urls[0])
      #expect(try await client.send(.GET, "/metrics").status == 200, "clients find them as before")
      #expect(try await client.get("/a").status == 404, "nothing was written")
      #expect(
        try await client.send(.GET, "/v2/machines").text == server.urls[0],
        "clients are not sent there")
    }
  }

  @Test func callsAreRefused() async throws {
    try await withRunningServer(metricsURLs: ["http://127.0.0.1:0"]) { server in
      let client = try await WireClient.connect(to: try #require(server.metricsURLs.first))
      let answer = try await client.call("/etcdserverpb.KV/Range", ["\n\u{1}a"])
      #expect(answer.status == 12)
      await client.close()
    }
  }

  /// The members' list is the root user's to change, but here there is none.
  @Test func nobodyIsAskedForAUser() async throws {
    try await withRunningServer(metricsURLs: ["http://127.0.0.1:0"]) { server in
      let client = TestClient(base: server.urls[0])
      let root = #"{"user":"root","password":"secret"}"#
      #expect(try await client.send(.PUT, "/v2/auth/users/root", form: root).status == 201)
      #expect(try await client.send(.PUT, "/v2/auth/enable").status == 200)
      let monitor = TestClient(base: try #require(server.metricsURLs.first))
      #expect(try await monitor.send(.DELETE, "/v2/members/1", as: "root:wrong").status == 404)
      #expect(try await monitor.send(.GET, "/metrics", as: "root:wrong").status == 200)
    }
  }

  @Test(.enabled(if: TestAuthority.program != nil)) func theyMayGoWithTLSOrBesideIt() async throws {
    try await withTemporaryDirectory { directory in
      let authority = try TestAuthority("ca")
      let files = try writeFiles(try authority.issue(.server), in: directory)
      let log = InMemoryLogHandler()
      try await withRunningServer(
        listenURLs: ["https://127.0.0.1:0"],
        metricsURLs: ["https://127.0.0.1:0", "http://127.0.0.1:0"], tls: files,
        logger: Logger(label: "test") { _ in log }
      ) { server in
        try await withTLSClient(of: server.metricsURLs[0], trusting: authority) { client in
          let answers = (try await client.send(.GET, "/health"), try await client.get("/a"))
          #expect(answers.0.status == 200)
          #expect(answers.1.text == "404 page not found\n")
        }
        let plain = TestClient(base: server.metricsURLs[1])
        #expect(try await plain.send(.GET, "/metrics").status == 200)
        #expect(!log.entries.contains { "\($0.message)".contains("ignored for it") })
      }
    }
  }

  @Test func aNameThatTheServerDoesNotHaveIsRefusedThereToo() async throws {
    try await withRunningServer(metricsURLs: ["http://127.0.0.1:0"]) { server in
      let port = try #require(server.metricsURLs[0].split(separator: ":").last.flatMap { Int($0) })
      for (host, status) in [("localhost", 200), ("evil.example", 421)] {
        let head = try await onThreadOfItsOwn {
          let connection = try RawConnection(host: "127.0.0.1", port: port)
          _ = connection.send(Array("GET /health HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8))
          return try connection.readHead("GET", until: .now + .seconds(60))
        }
        #expect(head.status == status)
      }
    }
  }

  @Test func aPortThatIsTakenIsNamedWithItsFlag() async throws {
    try await withRunningServer { server in
      let error = await #expect(throws: StartError.self) {
        _ = try await KVStoreServer.start(.memory, metricsURLs: server.urls)
      }
      #expect(error?.description.contains("Address already in use") == true)
      #expect(error?.description.contains("--listen-metrics-urls") == true)
    }
  }
}
