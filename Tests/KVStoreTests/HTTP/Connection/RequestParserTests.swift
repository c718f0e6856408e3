import NIOCore
import Testing

@testable import KVStore

@Suite struct RequestParserTests {
  /// All parts that come out when the bytes arrive in pieces of one size.
  private func parts(
    _ text: String, pieceSize: Int = .max
  ) throws(RequestError) -> [RequestParser.Part] {
    var parser = RequestParser()
    var input = ByteBuffer()
    var parts: [RequestParser.Part] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      input.writeBytes(rest.prefix(pieceSize))
      rest = rest.dropFirst(pieceSize)
      while let part = try parser.next(&input) { parts.append(part) }
    }
    return parts
  }

  /// Heads as they are, bodies put together.
  private func requests(
    _ text: String, pieceSize: Int = .max
  ) throws(RequestError) -> [(head: RequestHead, body: String)] {
    var requests: [(head: RequestHead, body: String)] = []
    for part in try self.parts(text, pieceSize: pieceSize) {
      switch part {
      case .head(let head): requests.append((head, ""))
      case .body(let bytes): requests[requests.count - 1].body += String(buffer: bytes)
      case .end: break
      }
    }
    return requests
  }

  private static let stream =
    "GET /v2/keys/a?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"
    + "PUT /v2/keys/b HTTP/1.1\r\nhost: h\r\nContent-Length: 7\r\n"
    + "Content-Type:application/x-www-form-urlencoded \r\n\r\nvalue=1"
    + "\r\nPOST /q HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\nExpect: 100-continue\r\n\r\n"
    + "3;ext=1\r\nval\r\n4\r\nue=2\r\n0\r\nTrailer: x\r\n\r\n"
    + "FOO /ключ HTTP/1.0\n\n"

  /// The same whether it comes at once or byte for byte.
  @Test(arguments: [1, 2, 3, 7, 64, Int.max])
  func takesRequestsOutOfAStream(pieceSize: Int) throws {
    let requests = try self.requests(Self.stream, pieceSize: pieceSize)
    #expect(requests.map(\.head.method) == [.GET, .PUT, .POST, .RAW(value: "FOO")])
    #expect(
      requests.map { String(decoding: $0.head.target, as: UTF8.self) }
        == ["/v2/keys/a?x=1", "/v2/keys/b", "/q", "/ключ"])
    #expect(requests.map(\.body) == ["", "value=1", "value=2", ""])
    #expect(requests.map(\.head.isKeepAlive) == [true, true, true, false])
    #expect(requests.map(\.head.expectsContinue) == [false, false, true, false])
    #expect(requests[1].head.contentType == "application/x-www-form-urlencoded")
  }

  @Test(arguments: [
    ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false),
    ("HTTP/1.1", "Connection: x, Close\r\n", false), ("HTTP/1.0", "", false),
    ("HTTP/1.0", "Connection: keep-alive\r\n", true),
    ("HTTP/1.2", "", true), ("HTTP/1.9", "Connection: close\r\n", false),
    ("HTTP/1.0", "Connection: keep-alive, close\r\n", false),
    ("HTTP/1.0", "Connection: close, keep-alive\r\n", false),
    ("HTTP/1.1", "Connection: close , x\r\n", false),
    ("HTTP/1.1", "Connection: x\r\nConnection: CLOSE\r\n", false),
  ])
  func knowsWhetherTheConnectionStays(version: String, header: String, isKept: Bool) throws {
    let requests = try self.requests("GET / \(version)\r\nHost: h\r\n\(header)\r\n")
    #expect(requests.first?.head.isKeepAlive == isKept)
  }

  @Test(arguments: [
    ("GET /\r\n\r\n", RequestError.malformed("the request line \"GET /\"")),
    ("G@T / HTTP/1.1\r\n\r\n", .malformed("the method \"G@T\"")),
    ("GET /a b HTTP/1.1\r\n\r\n", .malformed("the target \"/a b\"")),
    ("GET / HTTP/2.0\r\n\r\n", .unsupportedVersion("HTTP/2.0")),
    ("GET / HTTP/1.1\r\n\r\n", .malformed("no Host header")),
    ("GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", .malformed("a header line without a name")),
    ("GET / HTTP/1.1\r\nBad Name: x\r\n\r\n", .malformed("a header name with \"Bad Name\"")),
    (
      "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", .malformed("Content-Length \"-1\"")
    ),
    (
      "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      .malformed("Content-Length \"2\"")
    ),
    (
      "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      .malformed("both Content-Length and Transfer-Encoding")
    ),
    (
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
      .unsupported("Transfer-Encoding \"gzip\"")
    ),
    (
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\n",
      .malformed("the chunk size \"+1\"")
    ),
    (
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
      .malformed("no line end after a chunk")
    ),
    ("PUT / HTTP/1.1\r\nHost: h\r\nExpect: more\r\n\r\n", .expectationFailed("more")),
  ])
  func refusesWhatIsNoRequest(text: String, error: RequestError) {
    #expect(throws: error) { try self.parts(text) }
    #expect(throws: error) { try self.parts(text, pieceSize: 1) }
  }

  @Test func aHeadWithoutAnEndIsRefusedAtItsLimit() {
    let head = "GET / HTTP/1.1\r\n" + String(repeating: "X: y\r\n", count: 200_000)
    #expect(throws: RequestError.headTooLarge) { try self.parts(head, pieceSize: 65_536) }
  }

  /// Go's clients put a value to compare with into the query.
  @Test func aHeadOfAMegabyteIsTaken() throws {
    let target = "/v2/keys/k?prevValue=" + String(repeating: "x", count: 1 << 20)
    let requests = try self.requests(
      "PUT \(target) HTTP/1.1\r\nHost: h\r\n\r\n", pieceSize: 65_536)
    #expect(requests.map(\.head.target) == [Array(target.utf8)])
  }

  @Test func theSizeOfAChunkCannotOverflow() {
    let head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    #expect(throws: RequestError.self) { try self.parts(head + "FFFFFFFFFFFFFFFFFF\r\n") }
  }
}
