import NIOCore

/// Writes JSON with the escapes of Go's `encoding/json`, to the byte.
struct JSONWriter {
  private(set) var buffer: ByteBuffer

  private let wall: WallSkew?
  /// Nanoseconds. Read once, so that all times of one text agree.
  lazy var skew = self.wall?.nanoseconds ?? 0

  /// - Parameters:
  ///   - capacity: an estimate, in bytes.
  ///   - wall: converts the store's times to the wall clock.
  init(capacity: Int = 128, wall: WallSkew? = nil) {
    self.wall = wall
    self.buffer = ByteBufferAllocator().buffer(capacity: capacity)
  }

  /// Names of members and the like, unescaped.
  mutating func raw(_ text: StaticString) {
    self.buffer.writeStaticString(text)
  }

  mutating func raw(_ text: String) {
    self.buffer.writeString(text)
  }

  mutating func raw(_ number: UInt64) {
    self.buffer.writeDecimal(number)
  }

  mutating func string(_ text: String.UTF8View) {
    self.string(Array(text))
  }

  /// A JSON string. Each byte that is not UTF-8 becomes U+FFFD.
  mutating func string(_ bytes: [UInt8]) {
    self.buffer.writeInteger(UInt8(ascii: "\""))
    // Most strings are plain as a whole.
    let plain = bytes.firstIndex { !Self.isPlain($0) } ?? bytes.endIndex
    bytes.withUnsafeBytes { bytes in
      _ = self.buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[..<plain]))
    }
    if plain < bytes.endIndex { self.escaped(bytes[plain...]) }
    self.buffer.writeInteger(UInt8(ascii: "\""))
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "<"), UInt8(ascii: ">"),
      UInt8(ascii: "&"):
      false
    default: byte >= 0x20 && byte < 0x80
    }
  }

  private mutating func escaped(_ bytes: ArraySlice<UInt8>) {
    var rest = bytes
    while true {
      rest = self.common(rest)
      guard let byte = rest.first else { break }
      if byte < 0x80 {
        rest.removeFirst()
        self.ascii(byte)
        continue
      }
      let length = UTF8Sequence.length(of: rest)
      switch length {
      case 0:
        rest.removeFirst()
        self.raw("\\ufffd")
      case 3 where rest.starts(with: [0xE2, 0x80, 0xA8]):
        rest.removeFirst(3)
        self.raw("\\u2028")
      case 3 where rest.starts(with: [0xE2, 0x80, 0xA9]):
        rest.removeFirst(3)
        self.raw("\\u2029")
      default:
        self.buffer.writeBytes(rest.prefix(length))
        rest.removeFirst(length)
      }
    }
  }

  /// Writes plain bytes, quotes and backslashes: most of a value that is JSON itself.
  /// - Returns: the rest, from the first other byte on.
  private mutating func common(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var read = 0
    self.buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 2 * bytes.count) { space in
      bytes.withUnsafeBytes { bytes in
        var written = 0
        while read < bytes.count {
          let byte = bytes[read]
          if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            space[written] = UInt8(ascii: "\\")
            written += 1
          } else if !Self.isPlain(byte) {
            break
          }
          space[written] = byte
          written += 1
          read += 1
        }
        return written
      }
    }
    return bytes.dropFirst(read)
  }

  private mutating func ascii(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      self.buffer.writeInteger(UInt8(ascii: "\\"))
      self.buffer.writeInteger(byte)
    case UInt8(ascii: "\n"): self.raw("\\n")
    case UInt8(ascii: "\r"): self.raw("\\r")
    case UInt8(ascii: "\t"): self.raw("\\t")
    // Control characters and HTML's.
    case ..<0x20, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"):
      let digits = String(byte, radix: 16)
      self.raw("\\u00" + (digits.count == 1 ? "0" : "") + digits)
    default: self.buffer.writeInteger(byte)
    }
  }
}
