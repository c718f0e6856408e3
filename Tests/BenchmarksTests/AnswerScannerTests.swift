import NIOCore
import Testing

@testable import Benchmarks

@Suite struct AnswerScannerTests {
  private static let created =
    "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nX-Etcd-Index: 7\r\n"
    + "Content-Length: 12\r\n\r\n{\"a\":\"\r\n\r\n\"}"
  private static let empty = "HTTP/1.1 403 Forbidden\r\ncontent-length:0\r\n\r\n"

  @Test(arguments: 1...Self.created.utf8.count)
  func `an answer ends with its body, in pieces of any length`(length: Int) throws {
    var scanner = AnswerScanner()
    // Two answers on one connection, the second one without a body.
    for (text, status) in [(Self.created, 201), (Self.empty, 403)] {
      let bytes = Array(text.utf8)
      for start in stride(from: 0, to: bytes.count, by: length) {
        let piece = bytes[start..<min(start + length, bytes.count)]
        let found = try scanner.take(ByteBuffer(bytes: piece))
        #expect(found == (piece.endIndex == bytes.count ? status : nil))
      }
    }
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "Content-Length"),
    ("HTTP/1.1 200 OK\r\nContent-Length: few\r\n\r\n", "Content-Length"),
    ("HTTP/1.1 OK\r\n", "status"), ("\r\n", "status"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", "end where its Content-Length says"),
  ])
  func `an answer whose end is unclear is refused`(text: String, missing: String) {
    var scanner = AnswerScanner()
    #expect(throws: BenchmarkError.malformed(missing)) {
      try scanner.take(ByteBuffer(string: text))
    }
  }
}
