import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import KVStore

/// What a web page can do to a server through the browser of its reader. The rule's own cases are in
/// `BrowserPolicyTests`.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct BrowserTests {
  private static let form = "application/x-www-form-urlencoded"

  /// A form of another site, as the browser of a developer posts it to loopback.
  @Test func aFormOfAForeignPageWritesNothing() async throws {
    for origins in ["", "https://dashboard.example"] {
      try await withRunningServer(corsOrigins: CORSOrigins(parsing: origins)) { server in
        let url = server.urls[0]
        for (method, path) in [
          (HTTPMethod.POST, "/v2/keys/q"), (.PUT, "/v2/keys/k"), (.DELETE, "/v2/keys/k"),
          (.PUT, "/v2/auth/users/root"), (.PUT, "/v2/auth/enable"), (.POST, "/v2/members"),
        ] {
          let answer = try await self.send(
            method, url + path,
            ["Origin": "http://evil.example", "Content-Type": Self.form], body: "value=1")
          #expect(answer.status == .forbidden, "\(method) \(path)")
          #expect(answer.text.contains("http://evil.example"))
          #expect(!answer.headers.contains { $0.name.hasPrefix("Access-Control") })
        }
        let blind = try await self.send(
          .PUT, url + "/v2/keys/k", ["Sec-Fetch-Site": "cross-site"], body: "value=1")
        #expect(blind.status == .forbidden)
        #expect(try await TestClient(base: url).get("/k").status == 404)
        #expect(try await TestClient(base: url).get("/q").status == 404)
        #expect(try await TestClient(base: url).send(.GET, "/v2/auth/users").text.contains("null"))
      }
    }
  }

  @Test func aListedPageReadsAndWrites() async throws {
    let origin = "https://dashboard.example"
    try await withRunningServer(corsOrigins: CORSOrigins(parsing: origin)) { server in
      let answer = try await self.send(
        .PUT, server.urls[0] + "/v2/keys/k",
        ["Origin": origin, "Sec-Fetch-Site": "cross-site", "Content-Type": Self.form],
        body: "value=1")
      #expect(answer.status == .created)
      #expect(answer.headers["Access-Control-Allow-Origin"] == [origin])
    }
  }

  /// As in etcd, every page reads and writes, by whatever name.
  @Test func withAStarEverythingIsAsInEtcd() async throws {
    try await withRunningServer(corsOrigins: .any) { server in
      let answer = try await self.send(
        .PUT, server.urls[0] + "/v2/keys/k",
        [
          "Host": "evil.example:2379", "Origin": "http://evil.example",
          "Sec-Fetch-Site": "cross-site", "Content-Type": Self.form,
        ], body: "value=1")
      #expect(answer.status == .created)
      #expect(answer.headers["Access-Control-Allow-Origin"] == ["*"])
    }
  }

  /// - Parameters are: the whitelist, the target or nil for a path, the header, the status.
  @Test(arguments: [
    ([], nil, "evil.example:2379", 421), ([], nil, "localhost:2379", 404),
    ([], nil, "10.1.1.1", 404),
    (["a.example"], nil, "a.example:2379", 404), (["A.Example"], nil, "a.example", 404),
    (["a.example"], nil, "evil.example", 421), (["*"], nil, "evil.example", 404),
    // An absolute target counts instead of the header.
    ([], "http://evil.example/v2/keys/k", "localhost", 421),
    ([], "http://localhost/v2/keys/k", "evil.example", 404),
  ])
  func aNameThatTheServerDoesNotHaveIsRefused(
    whitelist: [String], target: String?, host: String, status: Int
  ) async throws {
    try await withRunningServer(hostWhitelist: whitelist) { server in
      let port = try #require(server.urls[0].split(separator: ":").last.flatMap { Int($0) })
      let head = try await onThreadOfItsOwn {
        let connection = try RawConnection(host: "127.0.0.1", port: port)
        _ = connection.send(
          Array("GET \(target ?? "/v2/keys/k") HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8))
        return try connection.readHead("GET", until: .now + .seconds(60))
      }
      #expect(head.status == status)
    }
  }

  private func send(
    _ method: HTTPMethod, _ url: String, _ headers: HTTPHeaders, body: String
  ) async throws -> (status: HTTPResponseStatus, headers: HTTPHeaders, text: String) {
    var request = HTTPClientRequest(url: url)
    request.method = method
    request.headers = headers
    request.body = .bytes(ByteBuffer(string: body))
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
    let text = String(buffer: try await response.body.collect(upTo: 1 << 20))
    return (response.status, response.headers, text)
  }
}
