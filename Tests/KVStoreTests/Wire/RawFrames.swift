import Glibc

/// Bytes of HTTP/2 by hand, for what no library would send.
enum RawFrames {
  struct Frame: Equatable {
    let type: UInt8
    let flags: UInt8
    let stream: Int
    let payload: [UInt8]
  }

  /// The client's first bytes, with empty settings.
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, stream: 0, [])

  static func frame(
    _ type: UInt8, flags: UInt8 = 0, stream: Int, _ payload: [UInt8]
  ) -> [UInt8] {
    [UInt8(payload.count >> 16), UInt8(payload.count >> 8 & 0xFF), UInt8(payload.count & 0xFF)]
      + [type, flags] + (0..<4).map { UInt8(stream >> (24 - 8 * $0) & 0xFF) } + payload
  }

  /// Without compression.
  static func headers(_ fields: [(String, String)], stream: Int, endStream: Bool) -> [UInt8] {
    let block = fields.flatMap { name, value in
      [UInt8(0)] + self.literal(Array(name.utf8)) + self.literal(Array(value.utf8))
    }
    return self.frame(1, flags: endStream ? 0x5 : 0x4, stream: stream, block)
  }

  /// Of a call.
  static func headers(_ path: String, stream: Int, endStream: Bool = false) -> [UInt8] {
    self.headers(
      [
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
        ("te", "trailers"), ("content-type", "application/grpc"),
      ], stream: stream, endStream: endStream)
  }

  static func data(_ bytes: [UInt8], stream: Int, endStream: Bool = false) -> [UInt8] {
    self.frame(0, flags: endStream ? 1 : 0, stream: stream, bytes)
  }

  private static func literal(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
    var length: [UInt8] = [127]
    var rest = bytes.count - 127
    while rest >= 128 {
      length.append(UInt8(rest & 0x7F | 0x80))
      rest >>= 7
    }
    return length + [UInt8(rest)] + bytes
  }

  /// Whatever comes until the server hangs up.
  static func readToEnd(_ connection: RawConnection) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let piece = [UInt8](unsafeUninitializedCapacity: 65_536) { space, count in
        count = max(0, recv(connection.descriptor, space.baseAddress, space.count, 0))
      }
      if piece.isEmpty { return bytes }
      bytes += piece
    }
  }

  /// The complete frames of what a server has sent.
  static func all(in bytes: [UInt8]) -> [Frame] {
    var frames: [Frame] = []
    var rest = bytes[...]
    while rest.count >= 9 {
      let head = Array(rest.prefix(9))
      let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
      guard rest.count >= 9 + length else { break }
      let stream = head[5...].reduce(0) { $0 << 8 | Int($1) } & 0x7FFF_FFFF
      frames.append(
        Frame(
          type: head[3], flags: head[4], stream: stream,
          payload: Array(rest.dropFirst(9).prefix(length))))
      rest = rest.dropFirst(9 + length)
    }
    return frames
  }
}
