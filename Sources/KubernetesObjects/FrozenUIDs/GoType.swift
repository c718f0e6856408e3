/// A Go type in the kubelet's own types of a pod: how a manifest gives its value, and how Go prints it.
package indirect enum GoType: Sendable {
  /// A string, with the name of its Go type.
  case text(String)
  case boolean
  case int32
  case int64
  /// A port by number or by name.
  case intOrString
  /// An amount of a resource.
  case quantity
  /// A quantity that the API's defaults round up to a thousandth.
  case roundedQuantity
  /// A time. Times of a manifest are not read: Go prints them with the machine's time zone.
  case time
  case pointer(GoType)
  case list(GoType)
  /// A map with string keys, with the name of its Go type.
  case map(String, GoType)
  case structure(GoStructure)

  /// As Go prints it.
  package var name: String {
    switch self {
    case .text(let name), .map(let name, _): name
    case .boolean: "bool"
    case .int32: "int32"
    case .int64: "int64"
    case .intOrString: "intstr.IntOrString"
    case .quantity, .roundedQuantity: "resource.Quantity"
    case .time: "v1.Time"
    case .pointer(let type): "*" + type.name
    case .list(let type): "[]" + type.name
    case .structure(let structure): structure.name
    }
  }

  /// The type of the manifest's field.
  package var fieldType: FieldType {
    switch self {
    case .text: .string
    case .boolean: .boolean
    case .int32: .int32
    case .int64: .int64
    case .intOrString: .intOrString
    case .quantity: .quantity
    case .roundedQuantity: .roundedQuantity
    case .time: .time
    case .pointer(let type): type.fieldType
    case .list(let type): .list(type.fieldType)
    case .map(_, let type): .map(type.fieldType)
    case .structure(let structure): .object(structure.fieldTypes)
    }
  }
}

/// A Go structure.
package struct GoStructure: Sendable {
  package let name: String
  /// The fields of all releases, in the order of Go's declaration.
  package let fields: [Field]

  package struct Field: Sendable {
    package let name: String
    package let type: GoType
    /// The member of the manifest's object; `nil` for an embedded structure, whose fields are members of
    /// the same object; ``unread`` for a field that is not read.
    package let key: String?
    /// The kubelet releases that have the field, as minor versions of 1.x.
    package let releases: ClosedRange<Int>

    /// The key that a tag of Go gives to a field that JSON does not have.
    package static let unread = "-"
  }

  /// The members of a manifest's object, those of later releases last.
  package var fieldTypes: [String: [FieldType.Member]] {
    var types: [String: [FieldType.Member]] = [:]
    for field in self.fields where field.key != Field.unread {
      if let key = field.key {
        types[key, default: []].append(.init(field.type.fieldType, releases: field.releases))
      } else if case .structure(let structure) = field.type {
        for (key, members) in structure.fieldTypes {
          types[key, default: []] += members.map { member in
            .init(member.type, releases: member.releases.clamped(to: field.releases))
          }
        }
      }
    }
    return types
  }
}
