/// The type of a field in the API.
package indirect enum FieldType: Sendable {
  case string
  case boolean
  case int32
  case int64
  /// A port by number or by name.
  case intOrString
  /// An amount of a resource, as a text or a number.
  case quantity
  /// A quantity that the API's defaults round up to a thousandth.
  case roundedQuantity
  /// A time. It is checked and left out: Go prints it with the machine's time zone.
  case time
  /// Anything at all.
  case any
  /// A value that is checked and left out.
  case discarded(FieldType)
  case list(FieldType)
  case map(FieldType)
  /// The members by name; those of several releases, the oldest first.
  case object([String: [Member]])

  /// A field of an object.
  package struct Member: Sendable {
    package var type: FieldType
    /// As minor versions of 1.x.
    package var releases: ClosedRange<Int>

    package init(_ type: FieldType, releases: ClosedRange<Int> = 1...Int.max) {
      self.type = type
      self.releases = releases
    }
  }

  /// The type's name in the messages of Go's decoder.
  private var goName: String {
    switch self {
    case .string, .quantity, .roundedQuantity: "string"
    case .boolean: "bool"
    case .int32: "int32"
    case .int64: "int64"
    case .intOrString: "intstr.IntOrString"
    case .time: "v1.Time"
    case .any: "any"
    case .discarded(let type): type.goName
    case .list: "list"
    case .map: "map"
    case .object: "object"
    }
  }

  /// The value that Go's decoder puts in the place of a null in a list or a map.
  private var zero: JSONValue {
    switch self {
    case .string, .time: ""
    case .boolean: false
    case .int32, .int64, .intOrString, .quantity, .roundedQuantity: 0
    case .list: []
    case .map, .object: [:]
    case .any: .null
    case .discarded(let type): type.zero
    }
  }

  /// Keeps the fields that the API knows. Unknown fields and nulls are dropped without a message, as by
  /// Go's decoder when it is not strict. Wrong types are appended to `problems`.
  /// - Parameter release: whose fields are known, as the minor version of 1.x; `nil` for all.
  package func decode(
    _ value: JSONValue, at path: String, release: Int? = nil, problems: inout [FieldProblem]
  ) -> JSONValue {
    switch (self, value) {
    case (.string, .string), (.boolean, .boolean), (.int64, .integer), (.intOrString, .string):
      return value
    case (.quantity, .string), (.quantity, .integer), (.quantity, .number),
      (.roundedQuantity, .string), (.roundedQuantity, .integer), (.roundedQuantity, .number):
      do throws(ResourceQuantity.Unreadable) {
        _ = try ResourceQuantity(value)
        return value
      } catch {
        problems.append(FieldProblem(field: path, error.reason))
        return .null
      }
    case (.int32, .integer(let number)), (.intOrString, .integer(let number)):
      if Int32(exactly: number) != nil { return value }
    case (.time, .string(let text)):
      // Go wants the capital letters of RFC 3339.
      let isTime = KubernetesTime.seconds(of: text) != nil
      if isTime, text.dropFirst(10).first == "T", !text.hasSuffix("z") { return .null }
      problems.append(
        FieldProblem(
          field: path,
          "parsing time \(value) as \"2006-01-02T15:04:05Z07:00\": cannot parse it"))
      return .null
    case (.any, _): return value
    case (.discarded(let type), _):
      _ = type.decode(value, at: path, release: release, problems: &problems)
      return .null
    case (.list(let type), .array(let elements)):
      return .array(
        elements.enumerated().map { index, element in
          type.decode(
            element == .null ? type.zero : element, at: "\(path)[\(index)]", release: release,
            problems: &problems)
        })
    case (.map(let type), .object(let members)):
      var result: [String: JSONValue] = [:]
      for (key, member) in members.sorted(by: { $0.key < $1.key }) {
        result[key] = type.decode(
          member == .null ? type.zero : member, at: "\(path).\(key)", release: release,
          problems: &problems)
      }
      return .object(result)
    case (.object(let fields), .object(let members)):
      return Self.decode(fields, members, at: path, release: release, problems: &problems)
    default: break
    }
    problems.append(
      FieldProblem(
        field: path.isEmpty ? nil : path,
        "cannot unmarshal \(value.kind) into a field of type \(self.goName)"))
    return .null
  }

  private static func decode(
    _ fields: [String: [Member]], _ members: [String: JSONValue], at path: String, release: Int?,
    problems: inout [FieldProblem]
  ) -> JSONValue {
    var result: [String: JSONValue] = [:]
    for (name, types) in fields.sorted(by: { $0.key < $1.key }) {
      guard let member = members[name], member != .null,
        let type = types.last(where: { release.map($0.releases.contains) ?? true })?.type
      else { continue }
      let decoded = type.decode(
        member, at: path.isEmpty ? name : "\(path).\(name)", release: release, problems: &problems)
      if decoded != .null { result[name] = decoded }
    }
    return .object(result)
  }

  /// The value as Go writes it: with canonical quantities.
  package func canonical(_ value: JSONValue) -> JSONValue {
    switch (self, value) {
    case (.quantity, _):
      guard let quantity = try? ResourceQuantity(value) else { return value }
      return .string(quantity.description)
    case (.roundedQuantity, _):
      guard let quantity = try? ResourceQuantity(value) else { return value }
      return .string(quantity.roundedToThousandths().description)
    case (.list(let type), .array(let elements)):
      return .array(elements.map(type.canonical))
    case (.map(let type), .object(let members)):
      return .object(members.mapValues(type.canonical))
    case (.object(let fields), .object(let members)):
      var result = members
      for (name, member) in members {
        if let type = fields[name]?.last?.type { result[name] = type.canonical(member) }
      }
      return .object(result)
    default: return value
    }
  }
}
