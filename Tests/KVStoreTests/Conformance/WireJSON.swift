import JSONText

/// JSON as it stands on the wire, read by a parser that has nothing in common with kvstore's writer. Texts
/// are compared as bytes: Unicode would take two spellings for the same key.
enum WireJSON: Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case real(Double)
  case text(String)
  case array([WireJSON])
  case object([String: WireJSON])

  /// Reads one document; only white space may follow.
  init(_ bytes: some Sequence<UInt8>) throws(JSONError) {
    var reader = JSONReader(Array(bytes))
    self = try WireJSON(from: &reader)
    try reader.end()
  }

  /// Reads all complete documents.
  /// - Returns: each with the position after it.
  static func documents(_ bytes: [UInt8]) -> [(value: WireJSON, end: Int)] {
    var reader = JSONReader(bytes)
    var documents: [(WireJSON, Int)] = []
    while let value = try? WireJSON(from: &reader) { documents.append((value, reader.position)) }
    return documents
  }

  private init(from reader: inout JSONReader) throws(JSONError) {
    switch try reader.kind() {
    case .null:
      try reader.null()
      self = .null
    case .boolean: self = .bool(try reader.boolean())
    case .number:
      switch try reader.number() {
      case .integer(let number): self = .integer(number)
      case .other(let number): self = .real(number)
      }
    case .string: self = .text(try reader.string())
    case .array:
      var items: [WireJSON] = []
      try reader.openArray()
      while try reader.nextElement() { items.append(try WireJSON(from: &reader)) }
      self = .array(items)
    case .object:
      var members: [String: WireJSON] = [:]
      try reader.openObject()
      while let name = try reader.nextMember() {
        guard members.updateValue(try WireJSON(from: &reader), forKey: name) == nil else {
          throw reader.wrong("the name \(name) comes twice")
        }
      }
      self = .object(members)
    }
  }

  subscript(_ name: String) -> WireJSON? {
    if case .object(let members) = self { members[name] } else { nil }
  }

  var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
  var text: String? { if case .text(let text) = self { text } else { nil } }
  var array: [WireJSON]? { if case .array(let items) = self { items } else { nil } }
  var object: [String: WireJSON]? { if case .object(let members) = self { members } else { nil } }
  var bool: Bool? { if case .bool(let bool) = self { bool } else { nil } }
  var number: Double? {
    switch self {
    case .integer(let number): Double(number)
    case .real(let number): number
    default: nil
    }
  }
}

extension WireJSON: Equatable {
  static func == (a: WireJSON, b: WireJSON) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.real(let a), .real(let b)): a == b
    case (.text(let a), .text(let b)): a.utf8.elementsEqual(b.utf8)
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }
}

extension WireJSON: CustomStringConvertible {
  var description: String {
    switch self {
    case .null: "null"
    case .bool(let bool): "\(bool)"
    case .integer(let number): "\(number)"
    case .real(let number): "\(number)"
    case .text(let text): text.debugDescription
    case .array(let items): "[" + items.map(\.description).joined(separator: ", ") + "]"
    case .object(let members):
      "{"
        + members.sorted { $0.key < $1.key }.map { "\($0.key.debugDescription): \($0.value)" }
        .joined(separator: ", ") + "}"
    }
  }
}
