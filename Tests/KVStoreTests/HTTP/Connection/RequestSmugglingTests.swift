import NIOCore
import TestSupport
import Testing

@testable import KVStore

/// Bytes of which a proxy and a server may make different requests: each is refused, and the connection ends.
///
/// The ideas are those of PortSwigger's HTTP desync research, of the `smuggler` and `http-garden` collections,
/// and of the CVEs of Go, Node.js and HAProxy. The answers of etcd 3.4.23 beside each group were seen.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct RequestSmugglingTests {
  private static let host = "Host: localhost\r\n"
  private static let form = "Content-Type: application/x-www-form-urlencoded\r\n"

  private static func get(_ lines: String, version: String = "HTTP/1.1") -> String {
    "GET /version \(version)\r\n\(lines)\r\n"
  }

  private static func put(_ lines: String, _ body: String, version: String = "HTTP/1.1") -> String {
    "PUT /v2/keys/smuggled \(version)\r\n\(self.host)\(self.form)\(lines)\r\n\(body)"
  }

  private static func chunked(_ body: String) -> String {
    self.put("Transfer-Encoding: chunked\r\n", body)
  }

  /// etcd: 400 for all but two: a size with a space after it, and lone LFs, which later versions of Go refuse.
  private static let chunks = [
    "-0\r\n\r\n", "+7\r\nvalue=1\r\n0\r\n\r\n", "7 zz\r\nvalue=1\r\n0\r\n\r\n",
    "0x7\r\nvalue=1\r\n0\r\n\r\n", "7_\r\nvalue=1\r\n0\r\n\r\n", " 7\r\nvalue=1\r\n0\r\n\r\n",
    "7 ;x\r\nvalue=1\r\n0\r\n\r\n", "7 \r\nvalue=1\r\n0\r\n\r\n", ";x\r\nvalue=1\r\n0\r\n\r\n",
    "\r\nvalue=1\r\n0\r\n\r\n", "\u{FF17}\r\nvalue=1\r\n0\r\n\r\n",
    "00000000000000007\r\nvalue=1\r\n0\r\n\r\n", "FFFFFFFFFFFFFFF9\r\nvalue=1\r\n0\r\n\r\n",
    "7\nvalue=1\r\n0\r\n\r\n", "7;\nvalue=1\r\n0\r\n\r\n", "7;a\rb\r\nvalue=1\r\n0\r\n\r\n",
    "7;a\u{0}\r\nvalue=1\r\n0\r\n\r\n", "7\r\nvalue=1\n0\r\n\r\n", "7\r\nvalue=1X\r\n0\r\n\r\n",
    "7\r\nvalue=1\r\r\n0\r\n\r\n", "7\r\nvalue=1\r\n0\r\nA b\r\n\r\n",
    "7\r\nvalue=1\r\n0\r\nA: b\n\r\n", "7\r\nvalue=1\r\n0\r\n A: b\r\n\r\n",
    "7\r\nvalue=1\r\n0\r\nA: b\u{0}\r\n\r\n", "7\r\nvalue=1\r\n0\r\nA : b\r\n\r\n",
    "7\r\nvalue=1\r\n0\n\r\n", "7;" + String(repeating: "x", count: 5000) + "\r\n",
  ].map(chunked)

  /// etcd: 400 or 501 for all but a length beside chunks (it takes the chunks) and chunks of HTTP/1.0, which
  /// are the next request for it.
  private static let lengths = [
    put("Content-Length: 7, 7\r\n", "value=1"), put("Content-Length: +7\r\n", "value=1"),
    put("Content-Length: 7\r\nContent-Length: 8\r\n", "value=1"),
    put("Content-Length: 0x7\r\n", "value=1"), put("Content-Length: 7 0\r\n", "value=1"),
    put("Content-Length: \r\n", ""), put("Content-Length : 7\r\n", "value=1"),
    put("Content-Length: \u{FF17}\r\n", "value=1"), put("Content-Length: 7\u{B}\r\n", "value=1"),
    put("Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    put("Transfer-Encoding: chunked\r\nContent-Length: 7\r\n", "0\r\n\r\n"),
    put("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    put("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
    put("Transfer-Encoding: identity\r\n", ""), put("Transfer-Encoding: gzip, chunked\r\n", ""),
    put("Transfer-Encoding: chunked, identity\r\n", ""), put("Transfer-Encoding:\r\n", ""),
    put("Transfer-Encoding: xchunked\r\n", ""), put("Transfer-Encoding: \u{B}chunked\r\n", ""),
    put("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
    put("Transfer-Encoding: \"chunked\"\r\n", ""), put("Transfer-Encoding: chunked\u{0}\r\n", ""),
    put("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
    put("X: y\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    put("X: y\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    put("Transfer-Encoding: chunked\r\n", "7\r\nvalue=1\r\n0\r\n\r\n", version: "HTTP/1.0"),
    put(
      "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n",
      "7\r\nvalue=1\r\n0\r\n\r\n", version: "HTTP/1.0"),
  ]

  /// etcd: 400 for all but lone LFs and a header on two lines, which it joins.
  private static let heads = [
    get(host + host), get(host + "host: other\r\n"), get(host + host, version: "HTTP/1.0"), get(""),
    get("Host: a b/c\r\n"), get("Host: a/b\r\n"), get("Host: u@a\r\n"), get("Host: \u{E9}\r\n"),
    get("Host: a,b c\r\n"), get("Host: \"a\"\r\n"),
    get(host + "X: a\u{0}b\r\n"), get(host + "X: a\rb\r\n"), get(host + "X: a\u{B}b\r\n"),
    get(host + "X: a\u{7F}\r\n"), get(host + "X: \u{1B}\r\n"), get(host + "X: a\r\r\n"),
    get(host + "X\u{0}: a\r\n"), get(host + "X\r: a\r\n"), get(host + "X : a\r\n"),
    get(host + "X\t: a\r\n"), get(host + ": a\r\n"), get(host + "X\r\n"),
    get(host + "X: a\r\n b\r\n"), get(host + "X: a\r\n\tb\r\n"), get(" X: a\r\n" + host),
    get(host + "X(: a\r\n"), get(host + "\u{E9}: a\r\n"),
    "GET /version HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
    "GET /version HTTP/1.1\nHost: localhost\r\n\r\n",
    "GET /version HTTP/1.1\r\nHost: localhost\n\n",
    "GET /version HTTP/1.1\r\nHost: localhost\r\n\n",
    "\rGET /version HTTP/1.1\r\nHost: localhost\r\n\r\n",
  ]

  /// etcd: 400 or no answer for all but a target without a slash and with a colon (301).
  private static let requestLines = [
    "GET v2/keys HTTP/1.1", "GET foo:bar HTTP/1.1", "GET ://a/ HTTP/1.1", "GET 1a://b/ HTTP/1.1",
    "GET a?x=://b HTTP/1.1", "GET * HTTP/1.1", "PUT * HTTP/1.1", "OPTIONS ** HTTP/1.1",
    "GET localhost:80 HTTP/1.1", "GET  /version HTTP/1.1", "GET /version  HTTP/1.1",
    "GET /version HTTP/1.1 ", " GET /version HTTP/1.1", "GET\t/version\tHTTP/1.1",
    "GET /version\u{0} HTTP/1.1", "GET /ver\rsion HTTP/1.1", "GET /version HTTP/1.10",
    "GET /version HTTP/01.1", "GET /version HTTP/1,1", "GET /version http/1.1",
    "GET /version HTTP/1.", "GET /version HTTP/11", "GET /version HTTP/1.x", "GET /version FTP/1.1",
    "GET /version", "G\u{0}T /version HTTP/1.1", "GET: /version HTTP/1.1",
  ].map { "\($0)\r\n\(host)\r\n" }

  @Test(arguments: chunks + lengths + heads + requestLines) func isRefused(text: String) {
    for size in [Int.max, 1] {
      let error = #expect(throws: RequestError.self) { try Self.parse(text, pieceSize: size) }
      let status = error?.response.status.code
      #expect(status == 400 || status == 501 || status == 431, "\(text)")
    }
  }

  /// The same from the network: the answer ends the connection, and what follows is no request.
  @Test func nothingBehindItIsServed() async throws {
    let behind = "GET /v2/keys/behind HTTP/1.1\r\nHost: localhost\r\n\r\n"
    try await withRunningServer { server in
      let port = try #require(server.urls[0].split(separator: ":").last.flatMap { Int($0) })
      for text in Self.chunks + Self.lengths + Self.heads + Self.requestLines {
        try await onThreadOfItsOwn {
          let connection = try RawConnection(host: "127.0.0.1", port: port)
          _ = connection.send(Array((text + behind).utf8))
          let deadline = ContinuousClock.now + .seconds(60)
          let head = try connection.readHead("GET", until: deadline)
          #expect([400, 501, 431].contains(head.status), "\(text)")
          #expect(head["Connection"] == "close", "\(text)")
          while try connection.readPiece(until: deadline) != nil {}
          #expect(throws: RawConnection.Failure.gone) {
            try connection.readHead("GET", until: deadline)
          }
        }
      }
      #expect(try await TestClient(base: server.urls[0]).get("/smuggled").status == 404)
    }
  }

  /// What clients do send: 200 or 201 from etcd, too.
  @Test(arguments: [
    get(host), get(host, version: "HTTP/1.2"), get("", version: "HTTP/1.0"), get("Host:\r\n"),
    get(host + "X: a\tb \u{E9}\r\n"), get(host + "X:\r\n"), get("Host: a_b:1\r\n"),
    get("Host: [::1]:2379\r\n"), "GET /version HTTP/1.1\nHost: localhost\n\n",
    "\r\n\r\n" + get(host), "GET http://other/version HTTP/1.1\r\n\(host)\r\n",
    "OPTIONS * HTTP/1.1\r\n\(host)\r\n", "CONNECT localhost:80 HTTP/1.1\r\n\(host)\r\n",
    put("Content-Length: 7\r\nContent-Length: 7\r\n", "value=1"),
    chunked("7\r\nvalue=1\r\n0\r\n\r\n"), chunked("7;x=\"y z\"\r\nvalue=1\r\n0\r\nA: b\r\n\r\n"),
    chunked("0000000007\r\nvalue=1\r\n0\r\n\r\n"), chunked("2\r\nva\r\n5\r\nlue=1\r\n000\r\n\r\n"),
  ])
  func isTaken(text: String) throws {
    for size in [Int.max, 1] {
      #expect(try Self.parse(text, pieceSize: size) == 1)
    }
  }

  /// - Returns: how many requests came to their end.
  private static func parse(_ text: String, pieceSize: Int) throws(RequestError) -> Int {
    var parser = RequestParser()
    var input = ByteBuffer()
    var count = 0
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      input.writeBytes(rest.prefix(pieceSize))
      rest = rest.dropFirst(pieceSize)
      while let part = try parser.next(&input) { if part == .end { count += 1 } }
    }
    return count
  }
}
