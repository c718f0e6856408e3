/// Reads a JSON text from start to end, one step at a time; the caller builds values from the steps.
///
/// Foundation's decoder maps the whole text and then tries one type after another, which takes seconds for
/// a list of thousands of objects. Both read the same texts alike, but this reader accepts only UTF-8, and
/// no comma before a closing bracket.
///
/// Source: RFC 8259.
package struct JSONReader {
  /// The kind of the next value.
  package enum Kind: Equatable, Sendable {
    case null, boolean, number, string, array, object
  }

  /// A number; `1.0` and `1e3` are integers, too.
  package enum Number: Equatable, Sendable {
    case integer(Int64)
    case other(Double)

    package var double: Double {
      switch self {
      case .integer(let number): Double(number)
      case .other(let number): number
      }
    }
  }

  /// The deepest nesting: a caller recurses at each level.
  package static let deepest = 512

  let bytes: [UInt8]
  /// In bytes from the start.
  package internal(set) var position = 0
  private var depth = 0
  /// Whether the byte before this one opened an array or an object.
  private var hasJustOpened = false

  /// - Parameter bytes: UTF-8, with or without a byte order mark.
  package init(_ bytes: [UInt8]) {
    self.bytes = bytes
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { self.position = 3 }
  }

  // MARK: Steps

  /// - Throws: when no value begins here.
  package mutating func kind() throws(JSONError) -> Kind {
    switch self.next() ?? 0 {
    case UInt8(ascii: "n"): .null
    case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
    case UInt8(ascii: "\""): .string
    case UInt8(ascii: "["): .array
    case UInt8(ascii: "{"): .object
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
    default: throw self.wrong("a value is missing")
    }
  }

  package mutating func null() throws(JSONError) { try self.take("null") }

  package mutating func boolean() throws(JSONError) -> Bool {
    let isTrue = self.next() == UInt8(ascii: "t")
    try self.take(isTrue ? "true" : "false")
    return isTrue
  }

  package mutating func openObject() throws(JSONError) { try self.open(UInt8(ascii: "{")) }

  /// - Returns: the name of the next member, whose value follows; `nil` at the object's end.
  package mutating func nextMember() throws(JSONError) -> String? {
    guard try self.hasNext(before: UInt8(ascii: "}")) else { return nil }
    let name = try self.string()
    guard self.next() == UInt8(ascii: ":") else { throw self.wrong("a colon is missing") }
    self.position += 1
    return name
  }

  package mutating func openArray() throws(JSONError) { try self.open(UInt8(ascii: "[")) }

  /// - Returns: whether another element follows; `false` at the array's end.
  package mutating func nextElement() throws(JSONError) -> Bool {
    try self.hasNext(before: UInt8(ascii: "]"))
  }

  /// Skips a value of any kind.
  package mutating func skip() throws(JSONError) {
    switch try self.kind() {
    case .null: try self.null()
    case .boolean: _ = try self.boolean()
    case .number: _ = try self.number()
    case .string: _ = try self.string()
    case .array:
      try self.openArray()
      while try self.nextElement() { try self.skip() }
    case .object:
      try self.openObject()
      while try self.nextMember() != nil { try self.skip() }
    }
  }

  /// - Throws: when anything follows.
  package mutating func end() throws(JSONError) {
    if self.next() != nil { throw self.wrong("something follows the value") }
  }

  // MARK: Structure

  /// The next byte that is not white space; `nil` at the end.
  mutating func next() -> UInt8? {
    while self.position < self.bytes.count {
      let byte = self.bytes[self.position]
      switch byte {
      case 0x20, 0x0A, 0x0D, 0x09: self.position += 1
      default: return byte
      }
    }
    return nil
  }

  private mutating func take(_ word: StaticString) throws(JSONError) {
    _ = self.next()
    let end = self.position + word.utf8CodeUnitCount
    let isThere = word.withUTF8Buffer { wanted in
      end <= self.bytes.count && self.bytes[self.position..<end].elementsEqual(wanted)
    }
    guard isThere else { throw self.wrong("\(word) is missing") }
    self.position = end
  }

  private mutating func open(_ byte: UInt8) throws(JSONError) {
    guard self.next() == byte else {
      throw self.wrong("\(Character(Unicode.Scalar(byte))) is missing")
    }
    guard self.depth < Self.deepest else {
      throw self.wrong("arrays and objects are more than \(Self.deepest) deep")
    }
    self.depth += 1
    self.position += 1
    self.hasJustOpened = true
  }

  /// Skips a comma or the closing bracket.
  private mutating func hasNext(before end: UInt8) throws(JSONError) -> Bool {
    let isFirst = self.hasJustOpened
    self.hasJustOpened = false
    switch self.next() {
    case end:
      self.position += 1
      self.depth -= 1
      return false
    case _ where isFirst: return true
    case UInt8(ascii: ","):
      self.position += 1
      return true
    default: throw self.wrong("a comma or a closing bracket is missing")
    }
  }

  /// An error at the current position.
  package func wrong(_ reason: String) -> JSONError {
    JSONError(reason: reason, position: min(self.position, self.bytes.count))
  }
}

/// Why a text is not JSON, and where.
package struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  package let reason: String
  /// In bytes from the start.
  package let position: Int

  package var description: String { "\(self.reason) at byte \(self.position)" }
}
