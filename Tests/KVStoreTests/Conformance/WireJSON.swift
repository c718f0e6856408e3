/// JSON as it stands on the wire, read by a parser that has nothing in common with the product's
/// writer. Texts are compared as bytes: Unicode would take two spellings for the same key.
enum WireJSON: Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case real(Double)
  case text(String)
  case array([WireJSON])
  case object([String: WireJSON])

  struct Malformed: Error {
    let position: Int
  }

  /// Reads one document; only white space may follow.
  init(_ bytes: some Sequence<UInt8>) throws(Malformed) {
    var parser = Parser(bytes: Array(bytes))
    self = try parser.document()
    guard parser.isAtEnd else { throw Malformed(position: parser.position) }
  }

  /// Reads as many whole documents as there are.
  /// - Returns: each with the position after it.
  static func documents(_ bytes: [UInt8]) -> [(value: WireJSON, end: Int)] {
    var parser = Parser(bytes: bytes)
    var documents: [(WireJSON, Int)] = []
    while !parser.isAtEnd, let value = try? parser.document() {
      documents.append((value, parser.position))
    }
    return documents
  }

  subscript(_ name: String) -> WireJSON? {
    if case .object(let members) = self { members[name] } else { nil }
  }

  var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
  var text: String? { if case .text(let text) = self { text } else { nil } }
  var array: [WireJSON]? { if case .array(let items) = self { items } else { nil } }
  var object: [String: WireJSON]? { if case .object(let members) = self { members } else { nil } }
  var bool: Bool? { if case .bool(let bool) = self { bool } else { nil } }
  var number: Double? {
    switch self {
    case .integer(let number): Double(number)
    case .real(let number): number
    default: nil
    }
  }
}

extension WireJSON: Equatable {
  static func == (a: WireJSON, b: WireJSON) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.real(let a), .real(let b)): a == b
    case (.text(let a), .text(let b)): a.utf8.elementsEqual(b.utf8)
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }
}

extension WireJSON: CustomStringConvertible {
  var description: String {
    switch self {
    case .null: "null"
    case .bool(let bool): "\(bool)"
    case .integer(let number): "\(number)"
    case .real(let number): "\(number)"
    case .text(let text): text.debugDescription
    case .array(let items): "[" + items.map(\.description).joined(separator: ", ") + "]"
    case .object(let members):
      "{"
        + members.sorted { $0.key < $1.key }.map { "\($0.key.debugDescription): \($0.value)" }
        .joined(separator: ", ") + "}"
    }
  }
}

private struct Parser {
  let bytes: [UInt8]
  private(set) var position = 0

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  var isAtEnd: Bool {
    mutating get {
      while let byte = self.peek, [0x20, 0x0A, 0x0D, 0x09].contains(byte) { self.position += 1 }
      return self.position == self.bytes.count
    }
  }

  private var peek: UInt8? {
    self.position < self.bytes.count ? self.bytes[self.position] : nil
  }

  private var malformed: WireJSON.Malformed { WireJSON.Malformed(position: self.position) }

  mutating func document() throws(WireJSON.Malformed) -> WireJSON {
    guard !self.isAtEnd, let first = self.peek else { throw self.malformed }
    switch first {
    case UInt8(ascii: "{"): return .object(try self.members())
    case UInt8(ascii: "["): return .array(try self.items())
    case UInt8(ascii: "\""): return .text(try self.text())
    case UInt8(ascii: "t"): return try self.word("true", .bool(true))
    case UInt8(ascii: "f"): return try self.word("false", .bool(false))
    case UInt8(ascii: "n"): return try self.word("null", .null)
    default: return try self.number()
    }
  }

  private mutating func word(
    _ word: String, _ value: WireJSON
  ) throws(WireJSON.Malformed) -> WireJSON {
    guard self.bytes[self.position...].starts(with: word.utf8) else { throw self.malformed }
    self.position += word.utf8.count
    return value
  }

  private mutating func number() throws(WireJSON.Malformed) -> WireJSON {
    let digits = self.bytes[self.position...].prefix { "+-.eE0123456789".utf8.contains($0) }
    let text = String(decoding: digits, as: UTF8.self)
    self.position += digits.count
    if let integer = Int64(text) { return .integer(integer) }
    guard let real = Double(text) else { throw self.malformed }
    return .real(real)
  }

  /// Takes this byte if it comes next, after white space.
  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard !self.isAtEnd, self.peek == UInt8(ascii: byte) else { return false }
    self.position += 1
    return true
  }

  private mutating func items() throws(WireJSON.Malformed) -> [WireJSON] {
    self.position += 1
    var items: [WireJSON] = []
    if self.take("]") { return items }
    repeat { items.append(try self.document()) } while self.take(",")
    guard self.take("]") else { throw self.malformed }
    return items
  }

  private mutating func members() throws(WireJSON.Malformed) -> [String: WireJSON] {
    self.position += 1
    var members: [String: WireJSON] = [:]
    if self.take("}") { return members }
    repeat {
      guard !self.isAtEnd, self.peek == UInt8(ascii: "\"") else { throw self.malformed }
      let name = try self.text()
      guard self.take(":") else { throw self.malformed }
      let value = try self.document()
      // A name that comes twice is no good answer, whatever others make of it.
      guard members.updateValue(value, forKey: name) == nil else { throw self.malformed }
    } while self.take(",")
    guard self.take("}") else { throw self.malformed }
    return members
  }

  private mutating func text() throws(WireJSON.Malformed) -> String {
    self.position += 1
    var units: [UInt8] = []
    while let byte = self.peek, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw self.malformed }
      self.position += 1
      if byte == UInt8(ascii: "\\") {
        units += String(try self.escaped()).utf8
      } else {
        units.append(byte)
      }
    }
    guard self.take("\""), let text = String(validating: units, as: UTF8.self) else {
      throw self.malformed
    }
    return text
  }

  private mutating func escaped() throws(WireJSON.Malformed) -> Character {
    guard let kind = self.peek else { throw self.malformed }
    self.position += 1
    switch kind {
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
      return Character(UnicodeScalar(kind))
    case UInt8(ascii: "u"):
      let first = try self.codeUnit()
      if let scalar = UnicodeScalar(first) { return Character(scalar) }
      guard self.bytes[self.position...].starts(with: "\\u".utf8) else { throw self.malformed }
      self.position += 2
      let decoded = String(decoding: [first, try self.codeUnit()], as: UTF16.self)
      guard decoded.unicodeScalars.count == 1, let character = decoded.first else {
        throw self.malformed
      }
      return character
    default: throw self.malformed
    }
  }

  private mutating func codeUnit() throws(WireJSON.Malformed) -> UInt16 {
    let digits = self.bytes[self.position...].prefix(4)
    guard digits.count == 4, let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw self.malformed }
    self.position += 4
    return unit
  }
}
