/// Percent-encoding as Go does it.
enum PercentEncoding {
  struct Malformed: Error, Equatable {
    /// The percent sign and up to two bytes after it.
    let escape: String
  }

  /// - Parameter plusIsSpace: in a form `+` means a space, in a path itself.
  static func decode(
    _ bytes: ArraySlice<UInt8>, plusIsSpace: Bool = false
  ) throws(Malformed) -> [UInt8] {
    guard bytes.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
      return Array(bytes)
    }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var position = bytes.startIndex
    while position < bytes.endIndex {
      switch bytes[position] {
      case UInt8(ascii: "%"):
        let escape = bytes[position...].prefix(3)
        guard escape.count == 3, let high = self.digit(escape[position + 1]),
          let low = self.digit(escape[position + 2])
        else { throw Malformed(escape: String(decoding: escape, as: UTF8.self)) }
        result.append(high << 4 | low)
        position += 3
      case UInt8(ascii: "+") where plusIsSpace:
        result.append(UInt8(ascii: " "))
        position += 1
      case let byte:
        result.append(byte)
        position += 1
      }
    }
    return result
  }

  /// Encodes what Go encodes in a path.
  static func encodedPath(_ path: [UInt8]) -> String {
    let literal = Set("-_.~$&+,/:;=@".utf8)
    return path.reduce(into: "") { text, byte in
      let isAlphanumeric =
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: false
        }
      if isAlphanumeric || literal.contains(byte) {
        text.unicodeScalars.append(UnicodeScalar(byte))
      } else {
        text += self.escape(byte)
      }
    }
  }

  /// Encodes bytes that are not ASCII, for a header.
  static func asciiOnly(_ bytes: [UInt8]) -> String {
    bytes.reduce(into: "") { text, byte in
      if byte < 0x80 {
        text.unicodeScalars.append(UnicodeScalar(byte))
      } else {
        text += self.escape(byte)
      }
    }
  }

  private static func escape(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "%" + (digits.count == 1 ? "0" : "") + digits
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
