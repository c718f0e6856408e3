import NIOCore
import NIOHPACK
import Testing

@testable import KVStore

/// Requests of HTTP/2 as HTTP/1 has them. `NIOHTTP2Handler` refuses some of these before; the rule is here all the same.
@Suite struct PageStreamTests {
  private static let request = [(":method", "GET"), (":path", "/"), (":authority", "h")]

  @Test(
    arguments: [
      ("x", "a\r\nx-other: b"), ("x", "a\nb"), ("x", "a\rb"), ("x", "a\0b"), ("x y", "a"),
      ("x:", "a"), ("X", "a"), ("", "a"), ("x\r\ny", "a"), (":path", "/a b"),
      (":path", "/ HTTP/1.1\r\nx: y"), (":path", ""), (":method", ""), (":method", "GET /"),
      ("connection", "close"), ("transfer-encoding", "chunked"), ("upgrade", "h2c"),
      ("keep-alive", "1"), ("proxy-connection", "close"), ("http2-settings", "a"),
      ("host", "elsewhere"), ("content-length", "5"), (":strange", "a"),
    ])
  func aRequestInDisguiseIsMalformed(name: String, value: String) {
    var stream = PageStream()
    #expect(throws: PageStream.Malformed.self) {
      try stream.headers(HPACKHeaders(Self.request + [(name, value)]), isLast: true)
    }
  }

  @Test func aBodyComesInChunksWhateverItsLengthIsSaidToBe() throws {
    var stream = PageStream()
    let headers = HPACKHeaders(Self.request + [("content-length", "3"), ("te", "trailers")])
    #expect(
      String(buffer: try stream.headers(headers, isLast: false))
        == "GET / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
    #expect(
      String(buffer: stream.body(ByteBuffer(string: "0\r\n\r\n"), isLast: true))
        == "5\r\n0\r\n\r\n\r\n0\r\n\r\n")
    #expect(stream.body(ByteBuffer(string: "late"), isLast: true).readableBytes == 0)
  }
}
