import NIOCore
import Testing

@testable import KVStore

/// What of a gateway's request is a message.
@Suite struct JSONExtentTests {
  @Test(
    arguments: [
      ("", nil), ("  \n", nil), ("{}", "{}"), (" {\"a\": \"}\"} rest", "{\"a\": \"}\"}"),
      ("{\"a\": \"\\\"}\"}x", "{\"a\": \"\\\"}\"}"), ("{\"a\": [{}]}{}", "{\"a\": [{}]}"),
      ("{\"a\":", "{\"a\":"), ("nonsense", "nonsense"),
    ] as [(String, String?)])
  func theFirstValueIsTheMessage(text: String, value: String?) {
    let found = JSONExtent.firstValue(of: ByteBuffer(string: text).readableBytesView)
    #expect(found.map { String(decoding: $0, as: UTF8.self) } == value)
  }

  @Test func valuesFollowOnOneAnother() {
    let text = ByteBuffer(string: "{\"a\":1}\n{\"b\":2} {}")
    #expect(
      JSONExtent.values(of: text.readableBytesView).map { String(decoding: $0, as: UTF8.self) }
        == ["{\"a\":1}", "{\"b\":2}", "{}"])
  }

  @Test(
    arguments: [
      ("{\"key\": \"YWI=\"}", nil), ("{\"key\": \"\"}", nil), ("{\"key\": \"YWI\"}", "YWI"),
      ("{\"range_end\": \"_-8=\"}", "_-8="), ("{\"rangeEnd\": \"/+8=\"}", nil),
      ("{\"key\": \"\\/+8=\"}", nil), ("{\"name\": \"no base64\"}", nil),
      ("{\"a\": \"key\", \"b\": \"x y\"}", nil), ("{\"value\" : \"***\"}", "***"),
      ("{\"key\": null, \"ID\": \"12\"}", nil),
    ] as [(String, String?)])
  func bytesAreBase64InGosForm(text: String, bad: String?) {
    #expect(JSONExtent.badBase64(in: ByteBuffer(string: text).readableBytesView) == bad)
  }
}
