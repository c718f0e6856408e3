import NIOCore
import Testing

@testable import KVStore

@Suite struct JSONTests {
  private func string(_ bytes: [UInt8]) -> String {
    var json = JSONWriter()
    json.string(bytes)
    return String(buffer: json.buffer)
  }

  @Test(arguments: [
    ("plain", #""plain""#), ("\"\\", #""\"\\""#), ("<&>", #""\u003c\u0026\u003e""#),
    ("\n\r\t\u{0}\u{1F}\u{7F}", "\"\\n\\r\\t\\u0000\\u001f\u{7F}\""),
    ("\u{2028}\u{2029}", #""\u2028\u2029""#), ("é😀", #""é😀""#),
    (#"{"a":"é\n","b":"<"}"#, #""{\"a\":\"é\\n\",\"b\":\"\u003c\"}""#), ("é\"", #""é\"""#),
    ("\n\"\"\"\"", #""\n\"\"\"\"""#), (#"\\"#, #""\\\\""#),
  ])
  func escapesAsGoDoes(text: String, expected: String) {
    #expect(self.string(Array(text.utf8)) == expected)
  }

  @Test(
    arguments: [
      ([0xFF], 1), ([0x61, 0xC3], 1), ([0xE2, 0x80], 2), ([0xC0, 0xAF], 2),
      ([0xED, 0xA0, 0x80], 3),
      ([0xF4, 0x90, 0x80, 0x80], 4),
    ] as [([UInt8], Int)])
  func eachByteThatIsNoUTF8IsReplaced(bytes: [UInt8], replacements: Int) {
    #expect(self.string(bytes).components(separatedBy: "\\ufffd").count == replacements + 1)
  }

  @Test(arguments: [
    (1_700_000_000_000_000_000, "2023-11-14T22:13:20Z"),
    (1_700_000_000_120_000_000, "2023-11-14T22:13:20.12Z"),
    (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"), (0, "1970-01-01T00:00:00Z"),
    (-1, "1969-12-31T23:59:59.999999999Z"),
  ])
  func printsTimesAsGoDoes(nanoseconds: Int64, expected: String) {
    #expect(StoreTime(nanoseconds: nanoseconds).rfc3339 == expected)
  }
}
