/// A JSON value: a manifest after reading, an answer of an HTTP endpoint, an object of an API server.
///
/// Integers are a case of their own, since `1.5` in a field of type int32 is an error.
public enum JSONValue: Equatable, Hashable, Sendable {
  case null
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// A member of an object; `nil` for a missing one, and for a value that is no object.
  public subscript(_ key: String) -> JSONValue? {
    get {
      guard case .object(let members) = self else { return nil }
      return members[key]
    }
    set {
      guard case .object(var members) = self else { return }
      members[key] = newValue
      self = .object(members)
    }
  }

  /// The text of a string; `nil` for anything else.
  public var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The integer; `nil` for anything else.
  public var integer: Int64? {
    if case .integer(let number) = self { number } else { nil }
  }

  /// The boolean; `nil` for anything else.
  public var boolean: Bool? {
    if case .boolean(let flag) = self { flag } else { nil }
  }

  /// The elements of an array; empty for anything else.
  public var elements: [JSONValue] {
    if case .array(let elements) = self { elements } else { [] }
  }

  /// The members of an object; empty for anything else.
  public var members: [String: JSONValue] {
    if case .object(let members) = self { members } else { [:] }
  }

  /// The kind's name in the messages of Go's decoder.
  package var kind: String {
    switch self {
    case .null: "null"
    case .boolean: "bool"
    case .integer, .number: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }

  /// Sets a member that is absent, as an API default does.
  package mutating func setDefault(_ key: String, _ value: JSONValue) {
    if self[key] == nil { self[key] = value }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
  ExpressibleByNilLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(nilLiteral: ()) { self = .null }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements) { $1 })
  }
}

extension JSONValue: CustomStringConvertible {
  /// Compact JSON in one line. Equal values have equal texts.
  public var description: String { String(decoding: self.utf8, as: UTF8.self) }

  /// The same text as bytes, without a copy to a `String`: a list of a thousand pods is long.
  package var utf8: [UInt8] {
    var text: [UInt8] = []
    self.write(to: &text)
    return text
  }

  /// The members that Kubernetes writes first; the others follow in byte order.
  private static func rank(_ key: String) -> Int {
    // The length alone rules out most keys.
    switch key.utf8.count {
    case 4: key == "kind" ? 0 : key == "name" ? 3 : key == "spec" ? 5 : 6
    case 8: key == "metadata" ? 2 : 6
    case 9: key == "namespace" ? 4 : 6
    case 10: key == "apiVersion" ? 1 : 6
    default: 6
    }
  }

  private func write(to text: inout [UInt8]) {
    switch self {
    case .null: text += "null".utf8
    case .boolean(let flag): text += (flag ? "true" : "false").utf8
    case .integer(let number): text += String(number).utf8
    // JSON has no infinity and no NaN.
    case .number(let number): text += (number.isFinite ? String(number) : "null").utf8
    case .string(let string): Self.write(string, to: &text)
    case .array(let elements):
      text.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { text.append(UInt8(ascii: ",")) }
        element.write(to: &text)
      }
      text.append(UInt8(ascii: "]"))
    case .object(let members):
      // Sorting the members' indices instead of the members avoids a second reference to each value.
      var ordered: [(rank: Int, key: String, place: Dictionary<String, JSONValue>.Index)] = []
      ordered.reserveCapacity(members.count)
      for place in members.indices {
        let key = members[place].key
        ordered.append((Self.rank(key), key, place))
      }
      ordered.sort { $0.rank != $1.rank ? $0.rank < $1.rank : $0.key < $1.key }
      text.append(UInt8(ascii: "{"))
      for (index, member) in ordered.enumerated() {
        if index > 0 { text.append(UInt8(ascii: ",")) }
        Self.write(member.key, to: &text)
        text.append(UInt8(ascii: ":"))
        members[member.place].value.write(to: &text)
      }
      text.append(UInt8(ascii: "}"))
    }
  }

  /// Source: RFC 8259, section 7.
  private static func write(_ string: String, to text: inout [UInt8]) {
    func needsEscape(_ byte: UInt8) -> Bool {
      byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }
    text.append(UInt8(ascii: "\""))
    let start = text.count
    text += string.utf8
    if text[start...].contains(where: needsEscape) {
      text.removeSubrange(start...)
      for byte in string.utf8 {
        switch byte {
        case UInt8(ascii: "\""): text += #"\""#.utf8
        case UInt8(ascii: "\\"): text += #"\\"#.utf8
        case UInt8(ascii: "\n"): text += #"\n"#.utf8
        case UInt8(ascii: "\r"): text += #"\r"#.utf8
        case UInt8(ascii: "\t"): text += #"\t"#.utf8
        case ..<0x20:
          let digits = String(byte, radix: 16)
          text += (#"\u"# + String(repeating: "0", count: 4 - digits.count) + digits).utf8
        default: text.append(byte)
        }
      }
    }
    text.append(UInt8(ascii: "\""))
  }
}

extension JSONValue: Decodable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let flag = try? container.decode(Bool.self) {
      self = .boolean(flag)
    } else if let number = try? container.decode(Int64.self) {
      self = .integer(number)
    } else if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let string = try? container.decode(String.self) {
      self = .string(string)
    } else if let elements = try? container.decode([JSONValue].self) {
      self = .array(elements)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }
}
