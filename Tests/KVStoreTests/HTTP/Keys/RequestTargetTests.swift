import NIOHTTP1
import Testing

@testable import KVStore

@Suite struct RequestTargetTests {
  @Test(arguments: [
    ("/v2/keys/a", "/v2/keys/a", nil), ("/v2/keys/a%2Fb?x=1", "/v2/keys/a/b", "x=1"),
    ("/a+b?", "/a+b", ""), ("http://host:1/v2?q", "/v2", "q"), ("http://host", "/", nil),
    ("http://host?q", "/", "q"), ("/a?x=http://b/c", "/a", "x=http://b/c"),
  ])
  func isTakenApart(uri: String, path: String, query: String?) throws {
    let target = try #require(RequestTarget(Array(uri.utf8)))
    #expect(target.path == Array(path.utf8))
    #expect(target.query == query.map { Array($0.utf8) })
  }

  @Test(arguments: ["/%", "/%2", "/%zz"])
  func aBrokenEscapeIsABadRequest(uri: String) {
    #expect(Route(.GET, RequestTarget(Array(uri.utf8))) == .badRequest)
  }

  @Test(arguments: [
    ("//version", "/version"), ("/v2/../version", "/version"), ("/v2/keys/./a", "/v2/keys/a"),
    ("/v2/keys//a/?x=%2F", "/v2/keys/a/?x=%2F"), ("/v2/keys/%2e%2e/x%20y", "/v2/x%20y"),
  ])
  func anUncleanPathIsRedirected(uri: String, location: String) {
    #expect(Route(.PUT, RequestTarget(Array(uri.utf8))) == .redirect(location))
  }

  @Test(arguments: [
    (HTTPMethod.GET, "/v2/keys", Route.keys(.get, StorePath("/"))),
    (.HEAD, "/v2/keys/a/", .keys(.head, StorePath("/a"))),
    (.DELETE, "/v2/keys/a", .keys(.delete, StorePath("/a"))),
    (.PATCH, "/v2/keys/a", .methodNotAllowed(allow: "HEAD,GET,PUT,POST,DELETE")),
    (.GET, "/v2/keysx", .notFound), (.GET, "/version", .version),
    (.PUT, "/version", .methodNotAllowed(allow: "GET")), (.GET, "/v2/members/", .members),
    (.GET, "/v2/members/x", .unknownMember), (.OPTIONS, "/anything", .preflight),
    (.GET, "/", .notFound), (.OPTIONS, "*", .preflight),
    (.RAW(value: "CONNECT"), "localhost:80", .notFound),
    (.RAW(value: "CONNECT"), "//version", .notFound),
    (.RAW(value: "CONNECT"), "/v2/keys/a", .methodNotAllowed(allow: "HEAD,GET,PUT,POST,DELETE")),
  ])
  func routes(method: HTTPMethod, uri: String, route: Route) {
    #expect(Route(method, RequestTarget(Array(uri.utf8))) == route)
  }
}
