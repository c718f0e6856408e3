import FoundationEssentials
import Yams

/// Reads a YAML scalar as go-yaml v2 does: `yes` and `on` are booleans, `010` and `0o10` are eight,
/// dates stay strings, and so does anything quoted. A tag such as `!!int` decides instead of quotes.
package enum YAMLScalar {
  /// - Throws: for a scalar that is not what its tag says, and for infinities, which JSON does not have.
  package static func value(of scalar: Node.Scalar) throws(ManifestText.Unreadable) -> JSONValue {
    let text = scalar.string
    let tag = scalar.tag.description
    guard tag.hasPrefix(Self.prefix) else {
      // Yams gives a text without a tag an empty one.
      let isPlain = scalar.style == .plain || scalar.style == .any
      return isPlain && !tag.hasPrefix("!") ? try Self.finite(Self.plain(text)) : .string(text)
    }
    let type = tag.dropFirst(Self.prefix.count)
    switch (type, Self.plain(text)) {
    case ("str", _), ("timestamp", _): return .string(text)
    case ("binary", _):
      guard let data = Data(base64Encoded: text.replacing(#/\s/#, with: "")) else {
        throw ManifestText.Unreadable(reason: "yaml: !!binary value contains invalid base64 data")
      }
      return .string(String(decoding: data, as: UTF8.self))
    case ("int", .integer(let number)), ("float", .integer(let number)): return .integer(number)
    case ("float", .number(let number)): return try Self.finite(.number(number))
    case ("bool", .boolean(let flag)): return .boolean(flag)
    case ("null", .null): return .null
    case ("int", let other), ("float", let other), ("bool", let other), ("null", let other):
      throw ManifestText.Unreadable(
        reason: "yaml: cannot decode !!\(Self.type(of: other)) `\(text)` as a !!\(type)")
    default: return .string(text)
    }
  }

  private static let prefix = "tag:yaml.org,2002:"

  /// The key of a JSON object.
  package static func key(of scalar: Node.Scalar) throws(ManifestText.Unreadable) -> String {
    // Yams gives a plain key the tag of a text, as if it were written.
    let isPlain = scalar.style == .plain && scalar.tag.description == Self.prefix + "str"
    switch isPlain ? Self.plain(scalar.string) : try Self.value(of: scalar) {
    case .string(let text): return text
    case .boolean(let flag): return flag ? "true" : "false"
    case .integer(let number): return String(number)
    // Go writes it with the digits of 32 bits.
    case .number(let number): return "\(Float(number))"
    case .null, .array, .object:
      throw ManifestText.Unreadable(reason: "yaml: unsupported map key `\(scalar.string)`")
    }
  }

  private static func finite(_ value: JSONValue) throws(ManifestText.Unreadable) -> JSONValue {
    guard case .number(let number) = value, !number.isFinite else { return value }
    let name = number.isNaN ? "NaN" : number < 0 ? "-Inf" : "+Inf"
    throw ManifestText.Unreadable(reason: "json: unsupported value: \(name)")
  }

  private static func type(of value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .boolean: "bool"
    case .integer: "int"
    case .number: "float"
    case .string, .array, .object: "str"
    }
  }

  package static func plain(_ text: String) -> JSONValue {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE": return true
    case "n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE": return false
    case ".nan", ".NaN", ".NAN": return .number(.nan)
    case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .number(.infinity)
    case "-.inf", "-.Inf", "-.INF": return .number(-.infinity)
    default: break
    }
    guard let first = text.utf8.first, first < 0x80, "+-.0123456789".utf8.contains(first) else {
      return .string(text)
    }
    let digits = text.replacing("_", with: "")
    if let number = Self.integer(digits) { return .integer(number) }
    let form = #/[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?/#
    if digits.wholeMatch(of: form) != nil, let number = Double(digits), number.isFinite {
      // Kubernetes converts YAML to JSON, where a whole number has no fraction: `5.0` is `5`, `08` is `8`.
      return Int64(exactly: number).map(JSONValue.integer) ?? .number(number)
    }
    return .string(text)
  }

  private static func integer(_ text: String) -> Int64? {
    let isNegative = text.hasPrefix("-")
    let unsigned = isNegative || text.hasPrefix("+") ? text.dropFirst() : text[...]
    // `Int64` would accept a second sign.
    guard let first = unsigned.utf8.first, (0x30...0x39).contains(first) else { return nil }
    let radixes: [(String, Int)] = [("0x", 16), ("0X", 16), ("0b", 2), ("0o", 8), ("0", 8)]
    let sign = isNegative ? "-" : ""
    for (prefix, radix) in radixes where unsigned.hasPrefix(prefix) && unsigned != "0" {
      return Int64(sign + unsigned.dropFirst(prefix.count), radix: radix)
    }
    return Int64(sign + unsigned)
  }
}
