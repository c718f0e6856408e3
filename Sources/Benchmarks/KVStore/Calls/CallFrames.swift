import NIOCore

/// The bytes of gRPC calls, made by hand: a client that builds headers and messages anew for each call would take the
/// cores from the servers that it measures.
///
/// Source: RFC 9113 and RFC 7541. No header is indexed, so that a block of headers is the same bytes in each call.
enum CallFrames {
  enum Kind {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let reset: UInt8 = 3
    static let settings: UInt8 = 4
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
  }

  enum Flag {
    static let acknowledgement: UInt8 = 1
    static let endStream: UInt8 = 1
    static let endHeaders: UInt8 = 4
  }

  static let headBytes = 9
  static let largestWindow = Int(Int32.max)
  /// Before there is any other word of it.
  static let firstWindow = 65_535

  /// What a connection begins with: windows so large that no answer of a load fills them.
  static let opening: ByteBuffer = {
    var bytes = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    bytes.writeFrame(Kind.settings, length: 12)
    // No table of headers, and the window of a stream.
    for (setting, value) in [(1, 0), (4, Self.largestWindow)] {
      bytes.writeInteger(UInt16(setting))
      bytes.writeInteger(UInt32(value))
    }
    bytes.writeWindowUpdate(Self.largestWindow - Self.firstWindow)
    return bytes
  }()

  /// The frame of headers that opens a call, for any stream: its number is to be set.
  static func headers(_ path: String) -> ByteBuffer {
    // `:method POST` and `:scheme http`; then names of the static table, with their values.
    var block: [UInt8] = [0x83, 0x86]
    func add(_ name: [UInt8], _ value: String) {
      block += name + [UInt8(value.utf8.count)] + Array(value.utf8)
    }
    add([0x04], path)
    add([0x01], "127.0.0.1")
    add([0x0F, 0x10], "application/grpc")
    add([0x00, 2] + Array("te".utf8), "trailers")
    var bytes = ByteBuffer()
    bytes.writeFrame(Kind.headers, length: block.count, flags: Flag.endHeaders)
    bytes.writeBytes(block)
    return bytes
  }
}

extension ByteBuffer {
  mutating func writeFrame(_ kind: UInt8, length: Int, flags: UInt8 = 0, stream: UInt32 = 0) {
    self.writeInteger(UInt32(length) << 8 | UInt32(kind))
    self.writeInteger(flags)
    self.writeInteger(stream)
  }

  /// Grants bytes of the connection.
  mutating func writeWindowUpdate(_ byteCount: Int) {
    self.writeFrame(CallFrames.Kind.windowUpdate, length: 4)
    self.writeInteger(UInt32(byteCount))
  }

  /// A message of a call.
  mutating func writeMessage(_ message: ByteBuffer, stream: UInt32, isLast: Bool) {
    self.writeFrame(
      CallFrames.Kind.data, length: 5 + message.readableBytes,
      flags: isLast ? CallFrames.Flag.endStream : 0, stream: stream)
    self.writeInteger(0 as UInt8)
    self.writeInteger(UInt32(message.readableBytes))
    self.writeImmutableBuffer(message)
  }
}

// MARK: Messages

extension ByteBuffer {
  /// A field of protobuf that is a number.
  mutating func writeNumber(_ number: Int64, field: Int) {
    self.writeVarint(UInt64(field) << 3)
    self.writeVarint(UInt64(bitPattern: number))
  }

  /// A field of protobuf with bytes, a text or a message.
  mutating func writeBytes(_ bytes: ByteBuffer, field: Int) {
    self.writeVarint(UInt64(field) << 3 | 2)
    self.writeVarint(UInt64(bytes.readableBytes))
    self.writeImmutableBuffer(bytes)
  }

  mutating func writeText(_ text: String, field: Int) {
    self.writeBytes(ByteBuffer(string: text), field: field)
  }

  private mutating func writeVarint(_ number: UInt64) {
    var number = number
    while number > 0x7F {
      self.writeInteger(UInt8(truncatingIfNeeded: number) | 0x80)
      number >>= 7
    }
    self.writeInteger(UInt8(number))
  }

  private mutating func readVarint() -> UInt64? {
    var (number, shift): (UInt64, UInt64) = (0, 0)
    while let byte: UInt8 = self.readInteger(), shift < 64 {
      number |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return number }
      shift += 7
    }
    return nil
  }

  /// The first field of a message with this number that is a number.
  func number(ofField wanted: UInt64) -> UInt64? { self.field(wanted)?.number }

  /// The first field of a message with this number that has bytes.
  func bytes(ofField wanted: UInt64) -> ByteBuffer? { self.field(wanted)?.bytes }

  private func field(_ wanted: UInt64) -> (number: UInt64, bytes: ByteBuffer?)? {
    var rest = self
    while let tag = rest.readVarint(), let number = rest.readVarint() {
      switch tag & 7 {
      case 0: if tag >> 3 == wanted { return (number, nil) }
      case 2:
        guard let bytes = rest.readSlice(length: Int(number)) else { return nil }
        if tag >> 3 == wanted { return (0, bytes) }
      default: return nil
      }
    }
    return nil
  }
}
