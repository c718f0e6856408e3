import JSONText

extension JSONValue {
  /// Reads a JSON text as Go does. Of several members with one name the last one counts, and objects are
  /// merged. A number with a fraction or an exponent, such as `30.0`, is no integer.
  /// - Parameter bytes: UTF-8.
  package init(parsing bytes: [UInt8]) throws(JSONError) {
    var parser = Parser(reader: JSONReader(bytes))
    self = try parser.value()
    try parser.reader.end()
  }

  private struct Parser {
    var reader: JSONReader
    /// The members and elements of all open objects and arrays: their number is known only at the end.
    private var members: [(name: String, value: JSONValue)] = []
    private var elements: [JSONValue] = []

    init(reader: JSONReader) { self.reader = reader }

    mutating func value() throws(JSONError) -> JSONValue {
      switch try self.reader.kind() {
      case .null:
        try self.reader.null()
        return .null
      case .boolean: return .boolean(try self.reader.boolean())
      case .string: return .string(try self.reader.string())
      case .number:
        let literal = try self.reader.literal()
        if literal.isWhole, case .integer(let number) = literal.number { return .integer(number) }
        return .number(literal.number.double)
      case .array:
        let start = self.elements.count
        try self.reader.openArray()
        while try self.reader.nextElement() {
          let element = try self.value()
          self.elements.append(element)
        }
        defer { self.elements.removeLast(self.elements.count - start) }
        return .array(Array(self.elements[start...]))
      case .object:
        let start = self.members.count
        try self.reader.openObject()
        while let name = try self.reader.nextMember() {
          let value = try self.value()
          self.members.append((name, value))
        }
        defer { self.members.removeLast(self.members.count - start) }
        var object = [String: JSONValue](minimumCapacity: self.members.count - start)
        for (name, value) in self.members[start...] {
          object[name] = object[name]?.merged(with: value) ?? value
        }
        return .object(object)
      }
    }
  }

  /// What Go makes of two values for one field.
  private func merged(with later: JSONValue) -> JSONValue {
    guard case .object(var members) = self, case .object(let others) = later else { return later }
    for (name, value) in others { members[name] = members[name]?.merged(with: value) ?? value }
    return .object(members)
  }
}
