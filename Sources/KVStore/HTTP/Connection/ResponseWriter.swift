import NIOCore
import NIOHTTP1

/// How a client finds the end of an answer.
enum Framing: Equatable, Sendable {
  case length(Int)
  /// Pieces, each with its length, for an answer of unknown length.
  case chunked
  /// The end of the connection: the same for a client of HTTP/1.0.
  case untilClose
}

/// What each answer of this server has in its headers.
struct ServerHeaders: Sendable {
  let clusterID: String
  let corsOrigins: CORSOrigins
}

extension ByteBuffer {
  /// Writes a status line and headers, with the empty line after them.
  ///
  /// - Parameter date: the header line `Date`; empty for none.
  /// Source: RFC 9112.
  mutating func writeHead(
    of response: Response, to request: RequestHead, with headers: ServerHeaders, date: ByteBuffer,
    framing: Framing, closes: Bool
  ) {
    self.writeStaticString(request.isHTTP10 ? "HTTP/1.0 " : "HTTP/1.1 ")
    self.writeDecimal(UInt64(response.status.code))
    self.writeStaticString(" ")
    self.writeString(response.status.reasonPhrase)
    self.writeStaticString("\r\n")
    self.writeImmutableBuffer(date)
    self.writeImmutableBuffer(headers.corsOrigins.lines(for: request.origin))
    if let type = response.type {
      self.writeStaticString("Content-Type: ")
      self.writeStaticString(type)
      self.writeStaticString("\r\n")
    }
    switch response.storeIndex {
    case .event(let index)?:
      self.writeStoreIndex(index, clusterID: headers.clusterID)
      // There is no raft here. Some clients want its headers; the index never goes back.
      self.writeStaticString("X-Raft-Index: ")
      self.writeDecimal(index)
      self.writeStaticString("\r\nX-Raft-Term: 2\r\n")
    case .refusal(let index)?:
      self.writeStoreIndex(index, clusterID: headers.clusterID)
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

  /// - Precondition: the piece is not empty; an empty one ends the answer.
  mutating func writeChunk(_ bytes: ByteBuffer) {
    self.writeString(String(bytes.readableBytes, radix: 16))
    self.writeStaticString("\r\n")
    self.writeImmutableBuffer(bytes)
    self.writeStaticString("\r\n")
  }

  /// Decimal digits, without an intermediate string.
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
