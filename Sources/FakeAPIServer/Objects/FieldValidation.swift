import JSONText
import KubernetesObjects

/// What the server makes of fields that a kind does not have and of fields that are given twice. Unknown fields are
/// dropped in any case.
///
/// Source: `k8s.io/apiserver/pkg/endpoints/handlers/create.go`, `patch.go`.
enum FieldValidation: String {
  /// Such a body is refused.
  case strict = "Strict"
  /// The answer has headers `Warning`.
  case warn = "Warn"
  case ignore = "Ignore"

  /// - Parameter text: the query's `fieldValidation`.
  /// - Throws: 422 for any other text.
  init(_ text: String?) throws(APIFailure) {
    guard let text, !text.isEmpty else {
      self = .warn
      return
    }
    guard let known = Self(rawValue: text) else {
      throw .unprocessable(
        "fieldValidation: Unsupported value: \"\(text)\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""
      )
    }
    self = known
  }

  /// The error of a strict decoder.
  static func text(_ problems: [String]) -> String {
    "strict decoding error: " + problems.joined(separator: ", ")
  }

  /// The paths of members that are there more than once: `duplicate field "spec.nodeName"`.
  /// - Parameter bytes: a readable JSON text.
  static func duplicates(in bytes: [UInt8]) -> [String] {
    var search = Search(reader: JSONReader(bytes))
    try? search.look(at: "")
    return search.found
  }

  private struct Search {
    var reader: JSONReader
    var found: [String] = []

    mutating func look(at path: String) throws(JSONError) {
      switch try self.reader.kind() {
      case .object:
        var names: Set<String> = []
        try self.reader.openObject()
        while let name = try self.reader.nextMember() {
          let place = path.isEmpty ? name : "\(path).\(name)"
          if !names.insert(name).inserted { self.found.append("duplicate field \"\(place)\"") }
          try self.look(at: place)
        }
      case .array:
        try self.reader.openArray()
        var index = 0
        while try self.reader.nextElement() {
          try self.look(at: "\(path)[\(index)]")
          index += 1
        }
      default: try self.reader.skip()
      }
    }
  }
}

extension FieldType {
  /// Removes the members that the type does not have.
  /// - Returns: their paths: `unknown field "spec.image"`.
  func dropUnknown(_ value: inout JSONValue, at path: String = "") -> [String] {
    func inside(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
    switch (self, value) {
    case (.object(let fields), .object(let members)):
      var (known, found): ([String: JSONValue], [String]) = ([:], [])
      for (name, member) in members.sorted(by: { $0.key < $1.key }) {
        guard let type = fields[name]?.last?.type else {
          found.append("unknown field \"\(inside(name))\"")
          continue
        }
        var member = member
        found += type.dropUnknown(&member, at: inside(name))
        known[name] = member
      }
      value = .object(known)
      return found
    case (.list(let type), .array(var elements)):
      var found: [String] = []
      for index in elements.indices {
        found += type.dropUnknown(&elements[index], at: "\(path)[\(index)]")
      }
      value = .array(elements)
      return found
    case (.map(let type), .object(let members)):
      var (all, found): ([String: JSONValue], [String]) = (members, [])
      for (name, member) in members.sorted(by: { $0.key < $1.key }) {
        var member = member
        found += type.dropUnknown(&member, at: inside(name))
        all[name] = member
      }
      value = .object(all)
      return found
    case (.discarded(let type), _):
      return type.dropUnknown(&value, at: path)
    default: return []
    }
  }
}
