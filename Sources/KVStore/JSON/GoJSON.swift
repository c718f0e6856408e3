/// JSON as Go's `encoding/json` reads it: names in any case, invalid UTF-8 and unpaired surrogates as
/// U+FFFD, and what follows the document ignored. That is why it is not `JSONText`, which refuses all of
/// these.
indirect enum GoJSON: Equatable, Sendable {
  case null
  case bool(Bool)
  /// No document needs its value.
  case number
  case text([UInt8])
  case list([GoJSON])
  case object([Member])

  struct Member: Equatable, Sendable {
    /// In lower case.
    let name: String
    let value: GoJSON
  }

  struct Malformed: Error, Equatable {}

  /// The deepest nesting. Go allows ten thousand; the documents have at most four.
  static let maxDepth = 100

  /// Reads the first document.
  init(firstIn bytes: [UInt8]) throws(Malformed) {
    var parser = Parser(bytes: bytes)
    self = try parser.value(depth: 0)
  }

  /// The members in their order, duplicates included; none for `null`.
  func members() throws(Malformed) -> [(name: String, value: GoJSON)] {
    switch self {
    case .object(let members): members.map { ($0.name, $0.value) }
    case .null: []
    default: throw Malformed()
    }
  }

  /// A list of texts; `nil` for `null`. A `null` in the list is an empty text.
  func texts() throws(Malformed) -> [[UInt8]]? {
    switch self {
    case .null: return nil
    case .list(let items):
      var texts: [[UInt8]] = []
      for item in items {
        switch item {
        case .text(let bytes): texts.append(bytes)
        case .null: texts.append([])
        default: throw Malformed()
        }
      }
      return texts
    default: throw Malformed()
    }
  }
}

private struct Parser {
  let bytes: [UInt8]
  private var position = 0

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  private var peek: UInt8? {
    self.position < self.bytes.count ? self.bytes[self.position] : nil
  }

  private mutating func skipSpace() {
    while let byte = self.peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
      self.position += 1
    }
  }

  /// Consumes this byte if it comes next, after white space.
  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    self.skipSpace()
    guard self.peek == UInt8(ascii: byte) else { return false }
    self.position += 1
    return true
  }

  mutating func value(depth: Int) throws(GoJSON.Malformed) -> GoJSON {
    guard depth < GoJSON.maxDepth else { throw GoJSON.Malformed() }
    if self.take("{") { return .object(try self.members(depth: depth + 1)) }
    if self.take("[") { return .list(try self.items(depth: depth + 1)) }
    if self.take("\"") { return .text(try self.text()) }
    switch self.peek {
    case UInt8(ascii: "t"): return try self.word("true", .bool(true))
    case UInt8(ascii: "f"): return try self.word("false", .bool(false))
    case UInt8(ascii: "n"): return try self.word("null", .null)
    default: return try self.number()
    }
  }

  private mutating func word(_ word: String, _ value: GoJSON) throws(GoJSON.Malformed) -> GoJSON {
    guard self.bytes[self.position...].starts(with: word.utf8) else { throw GoJSON.Malformed() }
    self.position += word.utf8.count
    return value
  }

  private mutating func number() throws(GoJSON.Malformed) -> GoJSON {
    if self.peek == UInt8(ascii: "-") { self.position += 1 }
    if self.peek == UInt8(ascii: "0") { self.position += 1 } else { try self.digits() }
    if self.peek == UInt8(ascii: ".") {
      self.position += 1
      try self.digits()
    }
    if self.peek == UInt8(ascii: "e") || self.peek == UInt8(ascii: "E") {
      self.position += 1
      if self.peek == UInt8(ascii: "+") || self.peek == UInt8(ascii: "-") { self.position += 1 }
      try self.digits()
    }
    return .number
  }

  /// At least one.
  private mutating func digits() throws(GoJSON.Malformed) {
    let count = self.bytes[self.position...].prefix { (0x30...0x39).contains($0) }.count
    guard count > 0 else { throw GoJSON.Malformed() }
    self.position += count
  }

  private mutating func items(depth: Int) throws(GoJSON.Malformed) -> [GoJSON] {
    var items: [GoJSON] = []
    if self.take("]") { return items }
    repeat { items.append(try self.value(depth: depth)) } while self.take(",")
    guard self.take("]") else { throw GoJSON.Malformed() }
    return items
  }

  private mutating func members(depth: Int) throws(GoJSON.Malformed) -> [GoJSON.Member] {
    var members: [GoJSON.Member] = []
    if self.take("}") { return members }
    repeat {
      guard self.take("\"") else { throw GoJSON.Malformed() }
      let name = String(decoding: try self.text(), as: UTF8.self).lowercased()
      guard self.take(":") else { throw GoJSON.Malformed() }
      members.append(GoJSON.Member(name: name, value: try self.value(depth: depth)))
    } while self.take(",")
    guard self.take("}") else { throw GoJSON.Malformed() }
    return members
  }

  /// The rest of a text, after the quotation mark.
  private mutating func text() throws(GoJSON.Malformed) -> [UInt8] {
    var text: [UInt8] = []
    while let byte = self.peek, byte != UInt8(ascii: "\"") {
      switch byte {
      case ..<0x20: throw GoJSON.Malformed()
      case UInt8(ascii: "\\"):
        self.position += 1
        text += String(try self.escaped()).utf8
      case ..<0x80:
        self.position += 1
        text.append(byte)
      default:
        let length = UTF8Sequence.length(of: self.bytes[self.position...])
        text +=
          length == 0 ? Array("\u{FFFD}".utf8)[...] : self.bytes[self.position...].prefix(length)
        self.position += max(1, length)
      }
    }
    guard self.peek != nil else { throw GoJSON.Malformed() }
    self.position += 1
    return text
  }

  /// The character behind a backslash.
  private mutating func escaped() throws(GoJSON.Malformed) -> Unicode.Scalar {
    guard let kind = self.peek else { throw GoJSON.Malformed() }
    self.position += 1
    switch kind {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(kind)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let unit = try self.codeUnit()
      if let scalar = Unicode.Scalar(unit) { return scalar }
      // The first half of a pair, if the second follows; what follows else stands for itself.
      let start = self.position
      if UTF16.isLeadSurrogate(unit), self.bytes[start...].starts(with: "\\u".utf8) {
        self.position += 2
        let second = try self.codeUnit()
        if UTF16.isTrailSurrogate(second) {
          return UTF16.decode(UTF16.EncodedScalar([unit, second]))
        }
        self.position = start
      }
      return "\u{FFFD}"
    default: throw GoJSON.Malformed()
    }
  }

  private mutating func codeUnit() throws(GoJSON.Malformed) -> UInt16 {
    let digits = self.bytes[self.position...].prefix(4)
    guard digits.count == 4, digits.allSatisfy(Self.isHexDigit),
      let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw GoJSON.Malformed() }
    self.position += 4
    return unit
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
    default: false
    }
  }
}
