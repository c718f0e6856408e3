import Testing

@testable import KVStore

@Suite struct GoJSONTests {
  @Test(
    arguments: [
      ("null", .null), (" \r\n\ttrue ", .bool(true)), ("false,", .bool(false)),
      ("-0.5e+3]", .number),
      ("[1,\"\",null]", .list([.number, .text([]), .null])), ("{}", .object([])),
      (
        #"{"A": {"b":[]}, "a":1} and more"#,
        .object([
          .init(name: "a", value: .object([.init(name: "b", value: .list([]))])),
          .init(name: "a", value: .number),
        ])
      ),
      (#""\"\\\/\b\f\n\r\t\u00e9""#, .text(Array("\"\\/\u{8}\u{C}\n\r\t\u{E9}".utf8))),
      (#""\ud83d\ude00""#, .text(Array("\u{1F600}".utf8))),
      (#""\ud83dx\ud83d\u0041\ude00""#, .text(Array("\u{FFFD}x\u{FFFD}A\u{FFFD}".utf8))),
    ] as [(String, GoJSON)])
  func isRead(text: String, value: GoJSON) throws {
    #expect(try GoJSON(firstIn: Array(text.utf8)) == value)
  }

  @Test func bytesThatAreNoUnicodeAreReplaced() throws {
    let bytes = [UInt8(ascii: "\""), 0xFF, 0xC3, 0xA9, 0xC3, UInt8(ascii: "\"")]
    #expect(try GoJSON(firstIn: bytes) == .text(Array("\u{FFFD}\u{E9}\u{FFFD}".utf8)))
  }

  @Test(arguments: [
    "", " ", "nul", "tru", "[", "[1", "[1,", "[1,]", "[1 2]", "{", "{\"a\"", "{\"a\":", "{\"a\":1",
    "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12", "\"\\u+123\"",
    "\"a\nb\"", "-", "1.", "1e", ".5", "+1", "\"\\ud83d\\u12\"",
  ])
  func isMalformed(_ text: String) {
    #expect(throws: GoJSON.Malformed()) { try GoJSON(firstIn: Array(text.utf8)) }
  }

  @Test func aDocumentThatIsTooDeepIsRefused() throws {
    func nested(_ depth: Int) -> [UInt8] {
      [UInt8](repeating: UInt8(ascii: "["), count: depth)
        + [UInt8](repeating: UInt8(ascii: "]"), count: depth)
    }
    _ = try GoJSON(firstIn: nested(GoJSON.maxDepth))
    #expect(throws: GoJSON.Malformed()) { try GoJSON(firstIn: nested(GoJSON.maxDepth + 1)) }
    #expect(throws: GoJSON.Malformed()) { try GoJSON(firstIn: nested(1_000_000)) }
  }
}
