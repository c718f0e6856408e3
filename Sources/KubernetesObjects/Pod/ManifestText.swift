import JSONText
import Yams

/// Turns the bytes of a manifest into a value: JSON when the first non-blank byte is `{`, else the first
/// document of a YAML stream.
///
/// A repeated key keeps its last value in YAML and its first in JSON. Text after the first YAML document
/// is ignored.
/// Source: `pkg/kubelet/config/common.go` tryDecodeSinglePod, k8s.io/apimachinery `util/yaml`.
package enum ManifestText {
  /// Why a text could not be read; the caller adds the file's name.
  package struct Unreadable: Error, Equatable {
    package let reason: String
  }

  package static func value(of bytes: [UInt8]) throws(Unreadable) -> JSONValue {
    let blanks: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
    if bytes.first(where: { !blanks.contains($0) }) == UInt8(ascii: "{") {
      return try Self.json(bytes)
    }
    var text = try Self.text(bytes)
    if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
    return try Self.yaml(text, size: bytes.count)
  }

  private static func json(_ bytes: [UInt8]) throws(Unreadable) -> JSONValue {
    do throws(JSONError) {
      return try JSONValue(parsing: bytes)
    } catch {
      throw Unreadable(reason: "json parse error: \(error)")
    }
  }

  private static func text(_ bytes: [UInt8]) throws(Unreadable) -> String {
    func units(_ combine: (UInt8, UInt8) -> UInt16) -> [UInt16] {
      stride(from: 0, to: bytes.count - 1, by: 2).map { combine(bytes[$0], bytes[$0 + 1]) }
    }
    let text: String? =
      switch (bytes.first, bytes.dropFirst().first) {
      case (0xFF, 0xFE): String(validating: units { UInt16($1) << 8 | UInt16($0) }, as: UTF16.self)
      case (0xFE, 0xFF): String(validating: units { UInt16($0) << 8 | UInt16($1) }, as: UTF16.self)
      default: String(validating: bytes, as: UTF8.self)
      }
    guard let text else { throw Unreadable(reason: "yaml: invalid leading UTF-8 octet") }
    return text
  }

  private static func yaml(_ text: String, size: Int) throws(Unreadable) -> JSONValue {
    var text = text
    // Each turn hides one repeated key; the bound is for a file that consists of them.
    for _ in 0..<1000 {
      do {
        // The basic resolver leaves plain scalars alone: ``YAMLScalar`` reads them as Go does.
        let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
        guard let root = try parser.nextRoot() else { return .null }
        var conversion = YAMLConversion(budget: size + 10_000)
        return try conversion.value(of: root)
      } catch YamlError.duplicatedKeysInMapping(_, let context) {
        text = YAMLConversion.hidingKey(at: context.mark, in: text)
      } catch let error as YamlError {
        throw Unreadable(reason: Self.reason(error))
      } catch let error as Unreadable {
        throw error
      } catch {
        throw Unreadable(reason: "yaml: \(error)")
      }
    }
    throw Unreadable(reason: "yaml: more than 1000 keys are given twice")
  }

  /// go-yaml's one-line form; Yams' own form adds the source text.
  private static func reason(_ error: YamlError) -> String {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      "yaml: line \(mark.line): \(problem)"
    case .reader(let problem, _, _, _): "yaml: \(problem)"
    default: "yaml: \(error)"
    }
  }
}

/// Converts a YAML document to JSON, as `sigs.k8s.io/yaml` does.
private struct YAMLConversion {
  /// How many more nodes may come. A document without aliases has fewer nodes than bytes, so only one
  /// whose aliases multiply exceeds the budget.
  package var budget: Int

  /// Yams refuses a mapping with a repeated key, while Kubernetes uses the last one. The earlier key gets
  /// this prefix, and keys with the prefix are dropped.
  private static let hidden: Unicode.Scalar = "\u{F8FF}"

  package static func hidingKey(at mark: Mark, in text: String) -> String {
    var scalars = text.unicodeScalars
    var index = scalars.startIndex
    for _ in 1..<mark.line {
      // CRLF is two scalars, of which the line feed is the last.
      index = scalars[index...].firstIndex(of: "\n").map(scalars.index(after:)) ?? scalars.endIndex
    }
    index = scalars.index(index, offsetBy: mark.column - 1, limitedBy: scalars.endIndex) ?? index
    if index < scalars.endIndex, scalars[index] == "\"" || scalars[index] == "'" {
      index = scalars.index(after: index)
    }
    scalars.insert(self.hidden, at: index)
    return String(scalars)
  }

  package mutating func value(of node: Node) throws(ManifestText.Unreadable) -> JSONValue {
    self.budget -= 1
    guard self.budget > 0 else {
      throw ManifestText.Unreadable(reason: "yaml: document contains excessive aliasing")
    }
    switch node {
    case .scalar(let scalar): return YAMLScalar.value(of: scalar)
    case .sequence(let sequence):
      var elements: [JSONValue] = []
      for element in sequence { elements.append(try self.value(of: element)) }
      return .array(elements)
    case .mapping(let mapping): return .object(try self.members(of: mapping))
    case .alias: throw ManifestText.Unreadable(reason: "yaml: unresolved alias")
    }
  }

  private mutating func members(
    of mapping: Node.Mapping
  ) throws(ManifestText.Unreadable) -> [String: JSONValue] {
    var own: [String: JSONValue] = [:]
    var merged: [String: JSONValue] = [:]
    for (key, node) in mapping {
      guard case .scalar(let scalar) = key else {
        throw ManifestText.Unreadable(reason: "yaml: a key must be a scalar")
      }
      guard scalar.string.unicodeScalars.first != Self.hidden else { continue }
      if scalar.string == "<<", scalar.style == .plain {
        let value = try self.value(of: node)
        // In a list of mappings the earlier one wins, and the mapping's own keys win over all.
        for mapping in value.elements.isEmpty ? [value] : value.elements {
          merged.merge(mapping.members) { earlier, _ in earlier }
        }
      } else {
        own[scalar.string] = try self.value(of: node)
      }
    }
    return own.merging(merged) { own, _ in own }
  }
}

/// Reads a YAML scalar as go-yaml v2 does: `yes` and `on` are booleans, `010` and `0o10` are eight,
/// dates stay strings, and so does anything quoted.
package enum YAMLScalar {
  package static func value(of scalar: Node.Scalar) -> JSONValue {
    guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
    // By a tag, such as `!!str 10`.
    let isText = [Tag.Name.str, .binary].contains { $0.rawValue == scalar.tag.rawValue }
    return isText ? .string(scalar.string) : Self.plain(scalar.string)
  }

  package static func plain(_ text: String) -> JSONValue {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE": return true
    case "n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE": return false
    default: break
    }
    guard let first = text.utf8.first, first < 0x80, "+-.0123456789".utf8.contains(first) else {
      return .string(text)
    }
    let digits = text.replacing("_", with: "")
    if let number = Self.integer(digits) { return .integer(number) }
    let form = #/[-+]?[0-9]*\.?[0-9]+([eE][-+][0-9]+)?/#
    if digits.wholeMatch(of: form) != nil, let number = Double(digits) {
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
