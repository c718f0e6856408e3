import JSONText
import Testing

@Suite struct JSONReaderTests {
  private func read<Value>(
    _ text: String, _ body: (inout JSONReader) throws -> Value
  ) throws -> Value {
    var reader = JSONReader(Array(text.utf8))
    let value = try body(&reader)
    try reader.end()
    return value
  }

  @Test(arguments: [
    (#""""#, ""), (#""plain""#, "plain"), (#""ä€😀""#, "ä€😀"), (#""a\"b\\c\/d""#, #"a"b\c/d"#),
    (#""\b\f\n\r\t""#, "\u{8}\u{C}\n\r\t"), (#""\u0041\u00e4\u20AC""#, "Aä€"),
    (#""\ud83d\ude00""#, "😀"), (#""ä\u00e4\\ä""#, #"ää\ä"#), (#""\u0000""#, "\u{0}"),
    (#""\ud83d""#, "\u{FFFD}"), (#""\ud83dx""#, "\u{FFFD}x"), (#""\ude00""#, "\u{FFFD}"),
    (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
    (#" "blanks" "#, "blanks"), ("\u{FEFF}\"marked\"", "marked"),
  ])
  func aString(_ text: String, _ expected: String) throws {
    #expect(try self.read(text) { (reader) throws in try reader.string() } == expected)
  }

  @Test(
    arguments: [
      ("0", .integer(0)), ("-0", .integer(0)), ("12", .integer(12)), ("-7", .integer(-7)),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", .other(9_223_372_036_854_775_808)), ("1.5", .other(1.5)),
      ("-9223372036854775809", .other(-9_223_372_036_854_775_808)),
      ("1.0", .integer(1)), ("1e3", .integer(1000)), ("1E+3", .integer(1000)),
      ("25e-1", .other(2.5)),
      ("1e300", .other(1e300)), ("0.1", .other(0.1)),
    ] as [(String, JSONReader.Number)])
  func aNumber(_ text: String, _ expected: JSONReader.Number) throws {
    #expect(try self.read(text) { (reader) throws in try reader.number() } == expected)
  }

  @Test func anIndexMayBeAsLargeAsThereAre() throws {
    #expect(
      try self.read("18446744073709551615") { (reader) throws in try reader.unsigned() } == .max)
    for text in ["-1", "1.5", "18446744073709551616"] {
      #expect(throws: JSONError.self) {
        try self.read(text) { (reader) throws in try reader.unsigned() }
      }
    }
  }

  @Test(arguments: [
    ("", 0), (" ", 1), ("nul", 0), ("tru", 0), ("[1,]", 3), ("[1 2]", 3), ("[,1]", 1), ("[", 1),
    (#"{"a"}"#, 4), (#"{"a":}"#, 5), (#"{"a":1,}"#, 7), (#"{a:1}"#, 1), (#"{"a":1"#, 6),
    ("01", 1), ("1.", 2), (".5", 0), ("-", 1), ("1e", 2), ("+1", 0), ("1e999", 5), ("NaN", 0),
    (#""open"#, 5), (#""\x""#, 1), (#""\u12"#, 5), (#""\u12G4""#, 1), (#""\"#, 2),
    (#""\ud83d\u12""#, 7), (#""\ud83d\q""#, 7),
    ("\"a\u{1}\"", 2), ("1 2", 2), ("[]]", 2), ("[}", 1), ("'a'", 0),
  ])
  func whatIsNoJSONIsNamedByItsPlace(_ text: String, _ position: Int) {
    let error = #expect(throws: JSONError.self) {
      try self.read(text) { (reader) throws in try reader.skip() }
    }
    #expect(error?.position == position)
  }

  @Test(
    arguments: [
      [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
      [0x22, 0xC0, 0x80, 0x22], [0x22, 0x5C, 0x6E, 0xFF, 0x22],
    ] as [[UInt8]])
  func aStringThatIsNoUTF8IsRefused(_ bytes: [UInt8]) {
    var reader = JSONReader(bytes)
    #expect(throws: JSONError.self) { try reader.string() }
  }

  @Test func whatIsTooDeepIsRefused() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    try self.read(nested(JSONReader.deepest)) { (reader) throws in try reader.skip() }
    #expect(throws: JSONError.self) {
      try self.read(nested(JSONReader.deepest + 1)) { (reader) throws in try reader.skip() }
    }
    // Closed arrays do not count.
    let many = Array(repeating: nested(JSONReader.deepest - 1), count: 3).joined(separator: ",")
    try self.read("[\(many)]") { (reader) throws in try reader.skip() }
  }

  @Test func membersAndElementsComeOneByOne() throws {
    let names = try self.read(#" { "a" : [ 1 , {} , [] ] , "b" : { "c" : null } } "#) {
      (reader) throws in
      var names: [String] = []
      try reader.openObject()
      while let name = try reader.nextMember() {
        names.append(name)
        guard try reader.kind() == .array else {
          try reader.skip()
          continue
        }
        try reader.openArray()
        while try reader.nextElement() {
          names.append("element")
          try reader.skip()
        }
      }
      return names
    }
    #expect(names == ["a", "element", "element", "element", "b"])
  }
}
