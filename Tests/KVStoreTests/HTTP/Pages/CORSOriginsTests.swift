import AsyncHTTPClient
import NIOHTTP1
import TestSupport
import Testing

@testable import KVStore

/// The rule is etcd 3.4's, seen with `--cors=http://a.example:80,https://c.example:443`.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct CORSOriginsTests {
  private struct Case: Sendable {
    let origins: String
    let origin: String?
    let allowed: String?
  }

  private static let cases: [Case] = [
    Case(origins: "", origin: nil, allowed: nil),
    Case(origins: "", origin: "http://a.example", allowed: nil),
    Case(origins: "*", origin: nil, allowed: "*"),
    Case(origins: "*", origin: "http://a.example", allowed: "*"),
    Case(origins: "http://a.example:80", origin: nil, allowed: nil),
    Case(
      origins: "http://a.example:80,https://c.example", origin: "http://a.example:80",
      allowed: "http://a.example:80"),
    Case(
      origins: "http://a.example:80,https://c.example", origin: "https://c.example",
      allowed: "https://c.example"),
    Case(origins: "http://a.example:80", origin: "http://a.example", allowed: nil),
    Case(origins: "http://a.example:80", origin: "HTTP://a.example:80", allowed: nil),
    Case(origins: "http://a.example:80", origin: "http://b.example", allowed: nil),
  ]

  @Test(arguments: Self.cases, [HTTPMethod.GET, .OPTIONS, .PATCH])
  private func anAnswerNamesWhoMayReadIt(_ test: Case, method: HTTPMethod) async throws {
    let response = try await self.response(
      to: method, "/v2/keys/", from: test.origin, origins: test.origins)
    let isRefused = method == .PATCH && test.origin != nil && test.allowed == nil
    #expect(
      response.status == (isRefused ? .forbidden : method == .PATCH ? .methodNotAllowed : .ok))
    #expect(response.headers["Access-Control-Allow-Origin"] == [test.allowed].compactMap(\.self))
    #expect(
      response.headers.contains(name: "Access-Control-Allow-Methods") == (test.allowed != nil))
    #expect(
      response.headers.contains(name: "Access-Control-Allow-Headers") == (test.allowed != nil))
  }

  @Test func theHeadOfAWatchNamesIt() async throws {
    let response = try await self.response(
      to: .GET, "/v2/keys/k?wait=true", from: "http://a.example", origins: "http://a.example")
    #expect(response.headers["Access-Control-Allow-Origin"] == ["http://a.example"])
  }

  private func response(
    to method: HTTPMethod, _ path: String, from origin: String?, origins: String
  ) async throws -> HTTPClientResponse {
    try await withRunningServer(corsOrigins: CORSOrigins(parsing: origins)) { server in
      var request = HTTPClientRequest(url: server.urls[0] + path)
      request.method = method
      if let origin { request.headers.add(name: "Origin", value: origin) }
      return try await HTTPClient.shared.execute(request, timeout: .seconds(30))
    }
  }

  @Test(arguments: [
    ",", "a.example", "a.example:80", "ftp://a.example", "http://a.example/", "http://a.example/x",
    "http://a.example:x", "http://a.example:99999", "http://", "http://:80",
    "http://u@a.example", "*,http://a.example",
  ])
  func whatIsNoOriginIsNamed(list: String) {
    let first = list.split(separator: ",").first.map(String.init) ?? ""
    #expect(throws: CORSOriginError(origin: first)) { _ = try CORSOrigins(parsing: list) }
  }

  @Test(arguments: ["http://a.example", "https://a.example:8443", "http://[::1]:80"])
  func takesOrigins(list: String) throws {
    #expect(try CORSOrigins(parsing: list).lines(for: list).readableBytes > 0)
  }
}
