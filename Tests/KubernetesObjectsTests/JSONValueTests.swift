import Foundation
import SeededRandom
import Testing

@testable import KubernetesObjects

@Suite struct JSONValueTests {
  private func decoded(_ text: String) -> JSONValue? {
    try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
  }

  private func parsed(_ text: String) -> JSONValue? { try? JSONValue(parsing: Array(text.utf8)) }

  /// To Foundation, `30.0` is an integer.
  private func withIntegers(_ value: JSONValue?) -> JSONValue? {
    switch value {
    // An integer that does not fit is none of its neighbours, either.
    case .number(let number)? where number.magnitude < 9e18:
      Int64(exactly: number).map { .integer($0) } ?? value
    case .array(let elements)?: .array(elements.compactMap(self.withIntegers))
    case .object(let members)?: .object(members.compactMapValues(self.withIntegers))
    default: value
    }
  }

  @Test(arguments: [
    #"{"a":[1,2.5,-3,true,false,null,"x",{},[]],"b":{"c":{"d":"e"}}}"#, "[]", "{}", #""text""#,
    "null",
    "true", "0", "-0", "-0.0", "123456789012345678", "9223372036854775807",
    "9223372036854775808", "18446744073709551615", "-9223372036854775809", "0.1", "1e-7", "1e308",
    "1e-400", "1e999",
    #"" \u00e4\ud83d\ude00\n\/""#,
    #""\u00""#, #""\q""#, "\"a\nb\"", "[1", "01",
    "1.", "-", "nul", "{\"a\" 1}", "[1]2", "", "  ", "\u{FEFF}[1]", "[1,,2]", "{,}", "[\"ä€\"]",
  ])
  func itIsReadAsFoundationReadsIt(_ text: String) {
    #expect(self.withIntegers(self.parsed(text)) == self.decoded(text))
  }

  /// Source: Go's `encoding/json`, as the API's types use it.
  @Test(
    arguments: [
      (#"{"a":1,"a":2}"#, ["a": 2]), (#"{"a":{"x":1},"a":{"y":2}}"#, ["a": ["x": 1, "y": 2]]),
      (#"{"a":{"x":{"p":1}},"a":{"x":{"p":2,"q":3}}}"#, ["a": ["x": ["p": 2, "q": 3]]]),
      (#"{"a":[1],"a":[2]}"#, ["a": [2]]), (#""\ud83d""#, "\u{FFFD}"), ("1.0", .number(1)),
      ("1e2", .number(100)), ("1.5e1", .number(15)),
    ] as [(String, JSONValue)])
  func itIsReadAsGoReadsIt(_ text: String, _ value: JSONValue) {
    #expect(self.parsed(text) == value)
  }

  /// Foundation passes over it.
  @Test(arguments: ["[1,]", "{\"a\":1,}", "[[1,],2]"])
  func aCommaBeforeAnEndIsNoJSON(_ text: String) {
    #expect(self.parsed(text) == nil)
  }

  @Test func whateverIsWrittenIsReadBackUnchanged() throws {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<2_000 {
      let value = JSONValue.random(depth: 4, &generator)
      #expect(try JSONValue(parsing: value.utf8) == value)
      #expect(self.decoded(value.description) == value)
    }
  }

  @Test func aTextThatWasDamagedIsReadAsFoundationReadsIt() {
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<5_000 {
      var bytes = JSONValue.random(depth: 3, &generator).utf8
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[place] = Array("{}[]\",:\\u0e-.1n tä".utf8).randomElement(using: &generator) ?? 0
      }
      let text = Data(bytes)
      // Foundation repairs what is no UTF-8 in some places.
      guard String(validating: bytes, as: UTF8.self) != nil else { continue }
      #expect(
        self.withIntegers(try? JSONValue(parsing: bytes))
          == (try? JSONDecoder().decode(JSONValue.self, from: text)),
        "\(String(decoding: bytes, as: UTF8.self))")
    }
  }

  @Test func textsAreEscaped() {
    #expect(JSONValue.string("a\"\\\n\r\t\u{1}ä/").description == #""a\"\\\n\r\t\u0001ä/""#)
    #expect(
      (["b": 1, "spec": 2, "a": "\"", "kind": "K", "metadata": [:]] as JSONValue).description
        == #"{"kind":"K","metadata":{},"spec":2,"a":"\"","b":1}"#)
  }
}

extension JSONValue {
  fileprivate static func random(depth: Int, _ generator: inout SeededGenerator) -> JSONValue {
    func text() -> String {
      let letters = [
        "a", "Z", "0", "ä", "€", "😀", "\"", "\\", "\n", "\u{0}", "\u{1F}", "/", " ", "{",
      ]
      return (0..<Int.random(in: 0...20, using: &generator))
        .map { _ in letters.randomElement(using: &generator) ?? "" }.joined()
    }
    switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &generator) {
    case 0: return .null
    case 1: return .boolean(.random(using: &generator))
    case 2: return .integer(Int64(bitPattern: generator.next()))
    case 3: return .integer(.random(in: -1000...1000, using: &generator))
    case 4: return .number(.random(in: -1...1, using: &generator) + 0.1)
    case 5: return .string(text())
    case 6:
      return .array(
        (0..<Int.random(in: 0...4, using: &generator)).map { _ in
          Self.random(depth: depth - 1, &generator)
        })
    default:
      let members = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
        (text(), Self.random(depth: depth - 1, &generator))
      }
      return .object(Dictionary(members) { first, _ in first })
    }
  }
}
