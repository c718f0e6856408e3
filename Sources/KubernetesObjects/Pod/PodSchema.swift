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
  case list(FieldType)
  case map(FieldType)
  case object([String: FieldType])

  /// The type's name in the messages of Go's decoder.
  private var goName: String {
    switch self {
    case .string, .quantity: "string"
    case .boolean: "bool"
    case .int32: "int32"
    case .int64: "int64"
    case .intOrString: "intstr.IntOrString"
    case .list: "list"
    case .map: "map"
    case .object: "object"
    }
  }

  /// The value that Go's decoder puts in the place of a null in a list or a map.
  private var zero: JSONValue {
    switch self {
    case .string: ""
    case .boolean: false
    case .int32, .int64, .intOrString, .quantity: 0
    case .list: []
    case .map, .object: [:]
    }
  }

  /// Keeps the fields that the API knows. Unknown fields and nulls are dropped without a message, as by
  /// Go's decoder when it is not strict. Wrong types are appended to `problems`.
  package func decode(_ value: JSONValue, at path: String, problems: inout [FieldProblem])
    -> JSONValue
  {
    switch (self, value) {
    case (.string, .string), (.boolean, .boolean), (.int64, .integer), (.intOrString, .string):
      return value
    case (.quantity, .string), (.quantity, .integer), (.quantity, .number):
      do throws(ResourceQuantity.Unreadable) {
        _ = try ResourceQuantity(value)
        return value
      } catch {
        problems.append(FieldProblem(field: path, error.reason))
        return .null
      }
    case (.int32, .integer(let number)), (.intOrString, .integer(let number)):
      if Int32(exactly: number) != nil { return value }
    case (.list(let type), .array(let elements)):
      return .array(
        elements.enumerated().map { index, element in
          type.decode(
            element == .null ? type.zero : element, at: "\(path)[\(index)]", problems: &problems)
        })
    case (.map(let type), .object(let members)):
      var result: [String: JSONValue] = [:]
      for (key, member) in members.sorted(by: { $0.key < $1.key }) {
        result[key] = type.decode(
          member == .null ? type.zero : member, at: "\(path).\(key)", problems: &problems)
      }
      return .object(result)
    case (.object(let fields), .object(let members)):
      var result: [String: JSONValue] = [:]
      for (name, type) in fields.sorted(by: { $0.key < $1.key }) {
        guard let member = members[name], member != .null else { continue }
        let path = path.isEmpty ? name : "\(path).\(name)"
        result[name] = type.decode(member, at: path, problems: &problems)
      }
      return .object(result)
    default: break
    }
    problems.append(
      FieldProblem(
        field: path.isEmpty ? nil : path,
        "cannot unmarshal \(value.kind) into a field of type \(self.goName)"))
    return .null
  }
}

/// The fields of a v1 Pod with their types: those of the kubelet's own types (``PodTypes``), except the
/// fields that the API has in another place.
///
/// Times, `managedFields`, and the conditions and containers of a status are not read.
/// Source: `k8s.io/api/core/v1/types.go`, 1.36; `pkg/apis/core/v1/conversion.go`.
package enum PodSchema {
  package static let pod: FieldType = .object([
    "metadata": Self.part("metadata"), "spec": .object(Self.spec),
    "status": Self.with(["podIP": .string], Self.part("status")),
  ])

  /// Fields of the API's `spec` that the kubelet's types have in the pod's security context.
  package static let switches = [
    "hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace",
  ]

  /// The kinds of volumes; a volume has exactly one of these fields.
  package static let volumeKinds = PodTypes.volumeKinds.fields.compactMap(\.key)

  private static func part(_ name: String) -> FieldType {
    PodTypes.pod.fieldTypes[name] ?? .object([:])
  }

  private static let spec: [String: FieldType] = {
    var fields = PodTypes.spec.fieldTypes
    // The old name of `serviceAccountName`.
    fields["serviceAccount"] = .string
    if case .object(var context)? = fields["securityContext"] {
      for name in Self.switches { fields[name] = context.removeValue(forKey: name) }
      fields["securityContext"] = .object(context)
    }
    return fields
  }()

  private static func with(_ more: [String: FieldType], _ type: FieldType) -> FieldType {
    guard case .object(let fields) = type else { return type }
    return .object(fields.merging(more) { $1 })
  }
}
