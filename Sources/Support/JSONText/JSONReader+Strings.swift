extension JSONReader {
  package mutating func string() throws(JSONError) -> String {
    guard self.next() == UInt8(ascii: "\"") else { throw self.wrong("a string is missing") }
    let start = self.position + 1
    let extent = self.bytes.withUnsafeBufferPointer { Extent(of: $0, from: start) }
    guard let end = extent.end else {
      self.position = extent.position
      throw self.wrong(
        extent.position < self.bytes.count
          ? "a string contains a control character" : "a string has no end")
    }
    self.position = start
    if !extent.isASCII, String(validating: self.bytes[start..<end], as: UTF8.self) == nil {
      throw self.wrong("a string is not UTF-8")
    }
    if !extent.hasEscapes {
      self.position = end + 1
      return String(decoding: self.bytes[start..<end], as: UTF8.self)
    }
    let (text, unescaping) = self.bytes.withUnsafeBufferPointer { bytes in
      var unescaping = Unescaping(bytes: bytes, position: start, end: end)
      // An escape is never shorter than its character.
      let text = String(unsafeUninitializedCapacity: end - start) { unescaping.write(to: $0) }
      return (text, (position: unescaping.position, problem: unescaping.problem))
    }
    self.position = unescaping.position
    if let problem = unescaping.problem { throw self.wrong(problem) }
    self.position = end + 1
    return text
  }

  /// The extent of a string.
  private struct Extent {
    /// The position of the closing quote; `nil` when it is missing, or comes after a forbidden byte.
    var end: Int?
    /// The position where the scan stopped.
    var position: Int
    var hasEscapes = false
    var isASCII = true

    // Pointers, here and below, because strings are most of a large list, and an array checks its bounds and
    // counts references for each byte.
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

  /// Replaces escapes by their characters.
  private struct Unescaping {
    let bytes: UnsafeBufferPointer<UInt8>
    var position: Int
    let end: Int
    /// Why it stopped at its position.
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

    /// A character from one escape, or from a surrogate pair. A surrogate without its other half becomes
    /// U+FFFD, as in Go.
    private mutating func character() -> Unicode.Scalar? {
      guard let first = self.unit() else { return nil }
      guard UTF16.isLeadSurrogate(first) else { return Unicode.Scalar(first) ?? "\u{FFFD}" }
      let afterFirst = self.position
      guard self.position + 1 < self.end, self.bytes[self.position] == UInt8(ascii: "\\"),
        self.bytes[self.position + 1] == UInt8(ascii: "u")
      else { return "\u{FFFD}" }
      guard let second = self.unit() else { return nil }
      guard UTF16.isTrailSurrogate(second) else {
        self.position = afterFirst
        return "\u{FFFD}"
      }
      return UTF16.decode(UTF16.EncodedScalar([first, second]))
    }

    /// `\u` and four hexadecimal digits.
    private mutating func unit() -> UInt16? {
      guard self.bytes[self.position + 1] == UInt8(ascii: "u"), self.position + 6 <= self.end else {
        self.problem = "unknown escape"
        return nil
      }
      var unit: UInt16 = 0
      for byte in self.bytes[(self.position + 2)..<(self.position + 6)] {
        guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
          self.problem = "unknown escape"
          return nil
        }
        unit = unit << 4 | UInt16(digit)
      }
      self.position += 6
      return unit
    }
  }
}
