/// The path and the query of a request line, as Go's `net/url` and `ServeMux` take them.
struct RequestTarget: Equatable, Sendable {
  /// The path without percent-encoding.
  let path: [UInt8]
  /// What follows the `?`, still encoded.
  let query: [UInt8]?

  /// - Parameter bytes: the target as it stands in the request line; an absolute one is taken, too.
  /// - Returns: `nil` when the path has a percent sign without two hexadecimal digits.
  init?(_ bytes: [UInt8]) {
    var bytes = bytes[...]
    let questionOrSlash = [UInt8(ascii: "?"), UInt8(ascii: "/")]
    if bytes.first != StorePath.slash, let scheme = bytes.firstRange(of: Array("://".utf8)) {
      bytes = bytes[scheme.upperBound...].drop { !questionOrSlash.contains($0) }
      if bytes.first != StorePath.slash { bytes = [StorePath.slash] + bytes }
    }
    let questionMark = bytes.firstIndex(of: UInt8(ascii: "?"))
    guard
      let path = try? PercentEncoding.decode(bytes[..<(questionMark ?? bytes.endIndex)])
    else { return nil }
    self.path = path
    self.query = questionMark.map { Array(bytes[($0 + 1)...]) }
  }

  /// Where a path with empty, `.` or `..` components really leads; `nil` when it is clean.
  ///
  /// Source: `cleanPath` of Go's `net/http`; a slash at the end stays.
  var redirection: String? {
    guard !self.isPlainlyClean else { return nil }
    var clean: [ArraySlice<UInt8>] = []
    let components = self.path.split(separator: StorePath.slash, omittingEmptySubsequences: false)
    for component in components where !component.isEmpty && component != [UInt8(ascii: ".")] {
      if component == Array("..".utf8)[...] {
        _ = clean.popLast()
      } else {
        clean.append(component)
      }
    }
    var path = clean.flatMap { [StorePath.slash] + $0 }
    if path.isEmpty || self.path.last == StorePath.slash { path.append(StorePath.slash) }
    guard path != self.path else { return nil }
    let query = self.query.map { "?" + PercentEncoding.asciiOnly($0) } ?? ""
    return PercentEncoding.encodedPath(path) + query
  }
}

extension RequestTarget {
  /// No component is empty or begins with a dot: most paths, and seen without taking them apart.
  private var isPlainlyClean: Bool {
    guard self.path.first == StorePath.slash else { return false }
    return !zip(self.path, self.path.dropFirst()).contains { byte, next in
      byte == StorePath.slash && (next == StorePath.slash || next == UInt8(ascii: "."))
    }
  }
}

/// Percent-encoding as Go does it.
enum PercentEncoding {
  struct Malformed: Error, Equatable {
    /// The percent sign with up to two bytes after it.
    let escape: String
  }

  /// - Parameter plusIsSpace: in a form a `+` stands for a space, in a path for itself.
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

  /// What Go leaves as it is in a path stays; the rest is encoded.
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

  /// Encodes what is not ASCII and leaves the rest as it is: what may stand in a header.
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
