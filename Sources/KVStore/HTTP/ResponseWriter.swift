import NIOCore
import NIOHTTP1

/// How a client knows where an answer ends.
enum Framing: Equatable, Sendable {
  case length(Int)
  /// In pieces, each with its length: for answers whose length is not known before.
  case chunked
  /// With the connection: the same for a client of HTTP/1.0.
  case untilClose
}

extension ByteBuffer {
  /// Writes a status line and headers, with the empty line after them.
  ///
  /// Source: RFC 9112.
  /// - Parameter endpoints: who answers; it adds what every answer says.
  mutating func writeHead(
    of response: Response, to request: RequestHead, by endpoints: Endpoints, framing: Framing,
    closes: Bool
  ) {
    self.writeStaticString(request.isHTTP10 ? "HTTP/1.0 " : "HTTP/1.1 ")
    self.writeDecimal(UInt64(response.status.code))
    self.writeStaticString(" ")
    self.writeString(response.status.reasonPhrase)
    self.writeStaticString("\r\n")
    self.writeImmutableBuffer(endpoints.corsOrigins.lines(for: request.origin))
    if let type = response.type {
      self.writeStaticString("Content-Type: ")
      self.writeStaticString(type)
      self.writeStaticString("\r\n")
    }
    switch response.storeIndex {
    case .event(let index)?:
      self.writeStoreIndex(index, clusterID: endpoints.identity.clusterID)
      // There is no raft here; its headers are there for clients that want them, and never go back.
      self.writeStaticString("X-Raft-Index: ")
      self.writeDecimal(index)
      self.writeStaticString("\r\nX-Raft-Term: 2\r\n")
    case .refusal(let index)?:
      self.writeStoreIndex(index, clusterID: endpoints.identity.clusterID)
    case nil: break
    }
    for (name, value) in response.headers {
      self.writeString(name)
      self.writeStaticString(": ")
      self.writeString(value)
      self.writeStaticString("\r\n")
    }
    switch framing {
    case .length(let length):
      self.writeStaticString("Content-Length: ")
      self.writeDecimal(UInt64(length))
      self.writeStaticString("\r\n")
    case .chunked: self.writeStaticString("Transfer-Encoding: chunked\r\n")
    case .untilClose: break
    }
    if closes {
      self.writeStaticString("Connection: close\r\n")
    } else if request.isHTTP10 {
      self.writeStaticString("Connection: keep-alive\r\n")
    }
    self.writeStaticString("\r\n")
  }

  private mutating func writeStoreIndex(_ index: UInt64, clusterID: String) {
    self.writeStaticString("X-Etcd-Cluster-Id: ")
    self.writeString(clusterID)
    self.writeStaticString("\r\nX-Etcd-Index: ")
    self.writeDecimal(index)
    self.writeStaticString("\r\n")
  }

  /// One piece of a chunked answer; it must not be empty, since that would be its end.
  mutating func writeChunk(_ bytes: ByteBuffer) {
    self.writeString(String(bytes.readableBytes, radix: 16))
    self.writeStaticString("\r\n")
    self.writeImmutableBuffer(bytes)
    self.writeStaticString("\r\n")
  }

  /// A number in decimal digits, without a string in between.
  mutating func writeDecimal(_ number: UInt64) {
    withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
      var rest = number
      var position = 20
      repeat {
        position -= 1
        digits[position] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
      } while rest > 0
      _ = self.writeBytes(UnsafeRawBufferPointer(rebasing: digits[position...]))
    }
  }
}
