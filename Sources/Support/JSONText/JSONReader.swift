/// Why a text is no JSON, and where.
package struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  package let reason: String
  /// In bytes from the beginning.
  package let position: Int

  package var description: String { "\(self.reason) at byte \(self.position)" }
}

/// Reads a JSON text from its beginning to its end, one step at a time; what the steps are made into is its
/// user's matter.
///
/// Foundation's decoder makes a map of the whole text first and then tries one type after the other; for lists of
/// thousands of objects that takes seconds. Both make the same of the same texts, except that this one knows
/// UTF-8 alone, and no comma before an end.
///
/// Source: RFC 8259.
package struct JSONReader {
  /// What begins at the next byte that is not blank.
  package enum Kind: Equatable, Sendable {
    case null, boolean, number, string, array, object
  }

  /// A number: those with a fraction or an exponent that are whole are whole here, too.
  package enum Number: Equatable, Sendable {
    case integer(Int64)
    case other(Double)
  }

  /// Deeper ones are refused: whoever reads them calls itself for each level.
  package static let deepest = 512

  private let bytes: [UInt8]
  /// In bytes from the beginning.
  package private(set) var position = 0
  private var depth = 0
  /// Whether an array or an object has begun with the byte before this one.
  private var hasJustOpened = false

  /// - Parameter bytes: UTF-8, perhaps with a byte order mark.
  package init(_ bytes: [UInt8]) {
    self.bytes = bytes
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { self.position = 3 }
  }

  // MARK: Steps

  /// - Throws: when nothing of JSON begins here.
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

  /// - Returns: the name of the next member, whose value follows; `nil` when the object has ended.
  package mutating func nextMember() throws(JSONError) -> String? {
    guard try self.goesOn(until: UInt8(ascii: "}")) else { return nil }
    let name = try self.string()
    guard self.next() == UInt8(ascii: ":") else { throw self.wrong("a colon is missing") }
    self.position += 1
    return name
  }

  package mutating func openArray() throws(JSONError) { try self.open(UInt8(ascii: "[")) }

  /// - Returns: whether another element follows; `false` when the array has ended.
  package mutating func nextElement() throws(JSONError) -> Bool {
    try self.goesOn(until: UInt8(ascii: "]"))
  }

  /// Passes over a value of any kind.
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

  /// - Throws: when something follows.
  package mutating func end() throws(JSONError) {
    if self.next() != nil { throw self.wrong("something follows the value") }
  }

  // MARK: Strings

  package mutating func string() throws(JSONError) -> String {
    guard self.next() == UInt8(ascii: "\"") else { throw self.wrong("a string is missing") }
    let start = self.position + 1
    let extent = self.bytes.withUnsafeBufferPointer { Extent(of: $0, from: start) }
    guard let end = extent.end else {
      self.position = extent.position
      throw self.wrong(
        extent.position < self.bytes.count
          ? "a string has a control character in it" : "a string has no end")
    }
    self.position = start
    if !extent.isASCII, String(validating: self.bytes[start..<end], as: UTF8.self) == nil {
      throw self.wrong("a string is no UTF-8")
    }
    if !extent.hasEscapes {
      self.position = end + 1
      return String(decoding: self.bytes[start..<end], as: UTF8.self)
    }
    let (text, unescaping) = self.bytes.withUnsafeBufferPointer { bytes in
      var unescaping = Unescaping(bytes: bytes, position: start, end: end)
      // An escape is never shorter than what it stands for.
      let text = String(unsafeUninitializedCapacity: end - start) { unescaping.write(to: $0) }
      return (text, (position: unescaping.position, problem: unescaping.problem))
    }
    self.position = unescaping.position
    if let problem = unescaping.problem { throw self.wrong(problem) }
    self.position = end + 1
    return text
  }

  /// How far a string goes.
  private struct Extent {
    /// Where its closing quote is; `nil` when there is none, or something before it that must not be.
    var end: Int?
    /// As far as it was looked at.
    var position: Int
    var hasEscapes = false
    var isASCII = true

    // By pointers, here and below: a list of thousands of objects is one string after the other, and an array
    // is counted and checked for each byte.
    init(of bytes: UnsafeBufferPointer<UInt8>, from start: Int) {
      var position = start
      var seen: UInt8 = 0
      scan: while position < bytes.count {
        let byte = bytes[position]
        switch byte {
        case UInt8(ascii: "\""):
          self.end = position
          break scan
        case UInt8(ascii: "\\"):
          self.hasEscapes = true
          position += 2
        case ..<0x20: break scan
        default:
          seen |= byte
          position += 1
        }
      }
      self.position = position
      self.isASCII = seen < 0x80
    }
  }

  /// Puts characters in place of their escapes.
  private struct Unescaping {
    let bytes: UnsafeBufferPointer<UInt8>
    var position: Int
    let end: Int
    /// Why it has stopped at its position.
    var problem: String?

    mutating func write(to text: UnsafeMutableBufferPointer<UInt8>) -> Int {
      var count = 0
      while self.position < self.end {
        let byte = self.bytes[self.position]
        if byte != UInt8(ascii: "\\") {
          text[count] = byte
          count += 1
          self.position += 1
          continue
        }
        guard let plain = Self.plain(self.bytes[self.position + 1]) else {
          guard let character = self.character() else { return 0 }
          for unit in UTF8.encode(character) ?? .init() {
            text[count] = unit
            count += 1
          }
          continue
        }
        text[count] = plain
        count += 1
        self.position += 2
      }
      return count
    }

    private static func plain(_ letter: UInt8) -> UInt8? {
      switch letter {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): letter
      case UInt8(ascii: "b"): 0x08
      case UInt8(ascii: "f"): 0x0C
      case UInt8(ascii: "n"): 0x0A
      case UInt8(ascii: "r"): 0x0D
      case UInt8(ascii: "t"): 0x09
      default: nil
      }
    }

    /// A character by its number, or by the two halves of one.
    private mutating func character() -> Unicode.Scalar? {
      guard let first = self.unit() else { return nil }
      guard UTF16.isLeadSurrogate(first) else {
        if let character = Unicode.Scalar(first) { return character }
        self.problem = "the second half of a character has no first one before it"
        return nil
      }
      guard self.position < self.end, self.bytes[self.position] == UInt8(ascii: "\\"),
        let second = self.unit(), UTF16.isTrailSurrogate(second)
      else {
        self.problem = "the first half of a character has no second one after it"
        return nil
      }
      return UTF16.decode(UTF16.EncodedScalar([first, second]))
    }

    /// `\u` and four digits.
    private mutating func unit() -> UInt16? {
      guard self.bytes[self.position + 1] == UInt8(ascii: "u"), self.position + 6 <= self.end else {
        self.problem = "an escape is none that there is"
        return nil
      }
      var unit: UInt16 = 0
      for byte in self.bytes[(self.position + 2)..<(self.position + 6)] {
        guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
          self.problem = "an escape is none that there is"
          return nil
        }
        unit = unit << 4 | UInt16(digit)
      }
      self.position += 6
      return unit
    }
  }

  // MARK: Numbers

  package mutating func number() throws(JSONError) -> Number {
    let (text, isWhole) = try self.digits()
    // Most are whole and short.
    if isWhole, let number = Int64(text) { return .integer(number) }
    guard let number = Double(text), number.isFinite else {
      throw self.wrong("a number is out of range")
    }
    // One that has too many digits is not the nearest that has not.
    return isWhole ? .other(number) : Int64(exactly: number).map { .integer($0) } ?? .other(number)
  }

  /// - Throws: when it is negative, too large or not whole.
  package mutating func unsigned() throws(JSONError) -> UInt64 {
    let (text, _) = try self.digits()
    guard let number = UInt64(text) else { throw self.wrong("a number is no whole one") }
    return number
  }

  /// - Throws: when it is too large or not whole.
  package mutating func integer() throws(JSONError) -> Int64 {
    guard case .integer(let number) = try self.number() else {
      throw self.wrong("a number is no whole one")
    }
    return number
  }

  private mutating func digits() throws(JSONError) -> (text: String, isWhole: Bool) {
    _ = self.next()
    let start = self.position
    var isWhole = true
    self.pass(UInt8(ascii: "-"))
    if !self.pass(UInt8(ascii: "0")) { try self.passDigits() }
    if self.pass(UInt8(ascii: ".")) {
      isWhole = false
      try self.passDigits()
    }
    if self.pass(UInt8(ascii: "e")) || self.pass(UInt8(ascii: "E")) {
      isWhole = false
      if !self.pass(UInt8(ascii: "+")) { self.pass(UInt8(ascii: "-")) }
      try self.passDigits()
    }
    return (String(decoding: self.bytes[start..<self.position], as: UTF8.self), isWhole)
  }

  @discardableResult
  private mutating func pass(_ byte: UInt8) -> Bool {
    guard self.position < self.bytes.count, self.bytes[self.position] == byte else { return false }
    self.position += 1
    return true
  }

  private mutating func passDigits() throws(JSONError) {
    let start = self.position
    while self.position < self.bytes.count,
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self.bytes[self.position])
    {
      self.position += 1
    }
    guard self.position > start else { throw self.wrong("a digit is missing") }
  }

  // MARK: Structure

  /// The next byte that is not blank; `nil` at the end.
  private mutating func next() -> UInt8? {
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

  /// Passes over a comma, or over the end.
  private mutating func goesOn(until end: UInt8) throws(JSONError) -> Bool {
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
    default: throw self.wrong("a comma or an end is missing")
    }
  }

  /// That something is missing or wrong where the reading is just now.
  package func wrong(_ reason: String) -> JSONError {
    JSONError(reason: reason, position: min(self.position, self.bytes.count))
  }
}
