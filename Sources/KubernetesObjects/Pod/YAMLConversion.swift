import Yams

/// Converts a YAML document to JSON, as `sigs.k8s.io/yaml` does.
struct YAMLConversion {
  /// How many more nodes may come. A document without aliases has fewer nodes than bytes, so only one
  /// whose aliases multiply exceeds the budget.
  var budget: Int
  /// The keys that their mapping had already, with their lines.
  private(set) var repeated: [(line: Int, key: String)] = []

  init(budget: Int) { self.budget = budget }

  /// Yams refuses a mapping with a repeated key, while Kubernetes uses the last one. The earlier key gets
  /// this prefix, and keys with the prefix are dropped.
  private static let hidden: Unicode.Scalar = "\u{F8FF}"

  static func hidingKey(at mark: Mark, in text: String) -> String {
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

  mutating func value(of node: Node) throws(ManifestText.Unreadable) -> JSONValue {
    self.budget -= 1
    guard self.budget > 0 else {
      throw ManifestText.Unreadable(reason: "yaml: document contains excessive aliasing")
    }
    switch node {
    case .scalar(let scalar): return try YAMLScalar.value(of: scalar)
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
    var names: Set<String> = []
    for (key, node) in mapping {
      guard case .scalar(let scalar) = key else {
        throw ManifestText.Unreadable(reason: "yaml: a key must be a scalar")
      }
      let name = String(scalar.string.unicodeScalars.drop { $0 == Self.hidden })
      if !names.insert(name).inserted { self.repeated.append((scalar.mark?.line ?? 0, name)) }
      guard name == scalar.string else { continue }
      if scalar.string == "<<", scalar.style == .plain {
        let value = try self.value(of: node)
        guard Self.isMergeable(value) else {
          throw ManifestText.Unreadable(
            reason: "yaml: map merge requires map or sequence of maps as the value")
        }
        // In a list of mappings the earlier one wins, and the mapping's own keys win over all.
        for mapping in value.elements.isEmpty ? [value] : value.elements {
          merged.merge(mapping.members) { earlier, _ in earlier }
        }
      } else {
        own[try YAMLScalar.key(of: scalar)] = try self.value(of: node)
      }
    }
    return own.merging(merged) { own, _ in own }
  }

  private static func isMergeable(_ value: JSONValue) -> Bool {
    switch value {
    case .object: true
    case .array(let elements): elements.allSatisfy { $0.kind == "object" }
    case .null, .boolean, .integer, .number, .string: false
    }
  }
}
