import NIOCore

/// Finds where an answer ends in the bytes of a connection, and keeps nothing of it but the status.
///
/// It reads what kvstore and etcd send for a PUT: a head with `Content-Length`, and a body. A parser that keeps
/// each header costs the clients more, and they share the cores with the servers.
package struct AnswerScanner: Sendable {
  /// The beginning of an answer whose head is not complete.
  private var head = ByteBuffer()
  /// Of an answer whose head is complete.
  private var status: Int?
  private var bodyBytesLeft = 0

  package init() {}

  /// - Parameter bytes: the next ones of the connection, with one request under way at a time.
  /// - Returns: the status once the answer is complete.
  /// - Throws: ``BenchmarkError/malformed(_:)``.
  package mutating func take(_ bytes: ByteBuffer) throws(BenchmarkError) -> Int? {
    if self.status == nil {
      if self.head.readableBytes == 0 {
        self.head = bytes
      } else {
        self.head.writeImmutableBuffer(bytes)
      }
      guard let head = try Self.read(self.head.readableBytesView) else { return nil }
      self.status = head.status
      self.bodyBytesLeft = head.bodyBytes - (self.head.readableBytes - head.length)
      self.head = ByteBuffer()
    } else {
      self.bodyBytesLeft -= bytes.readableBytes
    }
    guard self.bodyBytesLeft >= 0 else { throw .malformed("end where its Content-Length says") }
    guard self.bodyBytesLeft == 0 else { return nil }
    defer { self.status = nil }
    return self.status
  }

  private struct Head {
    var status: Int
    var bodyBytes: Int
    /// With the empty line at its end.
    var length: Int
  }

  /// `nil` before its end has arrived.
  private static func read(_ bytes: ByteBufferView) throws(BenchmarkError) -> Head? {
    var status: Int?
    var bodyBytes: Int?
    var line = bytes.startIndex
    while let end = bytes[line...].firstIndex(of: UInt8(ascii: "\n")) {
      let text = bytes[line..<end]
      line = end + 1
      if text.isEmpty || text.elementsEqual("\r".utf8) {
        guard let status else { throw .malformed("status") }
        guard let bodyBytes else { throw .malformed("Content-Length") }
        return Head(status: status, bodyBytes: bodyBytes, length: line - bytes.startIndex)
      }
      if status == nil {
        // "HTTP/1.1 201 Created"
        guard let number = Self.number(text.dropFirst(9).prefix(3)) else {
          throw .malformed("status")
        }
        status = number
      } else if Self.isContentLength(text) {
        bodyBytes = Self.number(text.dropFirst(Self.contentLength.count))
      }
    }
    return nil
  }

  private static let contentLength = Array("content-length:".utf8)

  private static func isContentLength(_ line: ByteBufferView) -> Bool {
    // Of letters, the bit 0x20 makes small ones; it is set in "-" and ":".
    line.count > self.contentLength.count
      && zip(line, self.contentLength).allSatisfy { $0 | 0x20 == $1 }
  }

  /// Digits with spaces or a carriage return around them.
  private static func number(_ text: ByteBufferView) -> Int? {
    var number: Int?
    for byte in text where byte != UInt8(ascii: " ") && byte != UInt8(ascii: "\r") {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), number ?? 0 < 1 << 32 else {
        return nil
      }
      number = (number ?? 0) * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return number
  }
}
