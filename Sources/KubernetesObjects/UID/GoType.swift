/// A Go type as the kubelet's own types of a pod use it: what its value is read from in a manifest and
/// how it is printed.
package indirect enum GoType: Sendable {
  /// A string; the type's name, since many have one of their own.
  case text(String)
  case boolean
  case int32
  case int64
  /// A port by number or by name.
  case intOrString
  /// An amount of a resource.
  case quantity
  /// One that the API's defaults round up to a thousandth.
  case roundedQuantity
  /// A time. A manifest's are not read: Go prints one with the machine's own time zone.
  case time
  /// A list, map or pointer whose content is not read; the type's name.
  case unread(String)
  case pointer(GoType)
  case list(GoType)
  /// From strings; the type's name.
  case map(String, GoType)
  case structure(GoStructure)

  package static let string: GoType = .text("string")
  package static let strings: GoType = .list(.string)
  package static let stringMap: GoType = .map("map[string]string", .string)

  /// As Go prints it.
  package var name: String {
    switch self {
    case .text(let name), .unread(let name), .map(let name, _): name
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

  /// What a manifest's value must be; `nil` for what is not read.
  package var fieldType: FieldType? {
    switch self {
    case .text: .string
    case .boolean: .boolean
    case .int32: .int32
    case .int64: .int64
    case .intOrString: .intOrString
    case .quantity, .roundedQuantity: .quantity
    case .time, .unread: nil
    case .pointer(let type): type.fieldType
    case .list(let type): type.fieldType.map { .list($0) }
    case .map(_, let type): type.fieldType.map { .map($0) }
    case .structure(let structure): .object(structure.fieldTypes)
    }
  }
}

/// A Go structure.
package struct GoStructure: Sendable {
  package let name: String
  /// In the order in which Go declares them, those of all releases together.
  package let fields: [Field]

  package init(_ name: String, _ fields: [Field]) {
    self.name = name
    self.fields = fields
  }

  package struct Field: Sendable {
    package let name: String
    package let type: GoType
    /// The member of the manifest's object that it is read from; `nil` for an embedded structure, whose
    /// fields are members of the same object.
    package let key: String?
    /// The releases of the kubelet that have it, as minor versions of 1.x.
    package let releases: ClosedRange<Int>

    /// - Parameter key: where it is not the name as JSON spells it.
    package init(
      _ name: String, _ type: GoType, key: String? = nil, since: Int = 1, until: Int = .max
    ) {
      self.name = name
      self.type = type
      self.key = key ?? Self.jsonName(name)
      self.releases = since...until
    }

    private init(embedded structure: GoStructure, name: String, releases: ClosedRange<Int>) {
      self.name = name
      self.type = .structure(structure)
      self.key = nil
      self.releases = releases
    }

    /// A structure whose fields are members of the same object. Go names it by its type.
    package static func embedded(_ structure: GoStructure, since: Int = 1, until: Int = .max)
      -> Self
    {
      let name = structure.name.split(separator: ".").last.map(String.init) ?? structure.name
      return Self(embedded: structure, name: name, releases: since...until)
    }

    /// `TerminationGracePeriodSeconds` is `terminationGracePeriodSeconds`, `HTTPGet` is `httpGet`,
    /// `TTY` is `tty`.
    private static func jsonName(_ name: String) -> String {
      let capitals = name.prefix { $0.isUppercase }.count
      let lowered = capitals == name.count || capitals == 1 ? capitals : capitals - 1
      return name.prefix(lowered).lowercased() + name.dropFirst(lowered)
    }
  }

  /// What a manifest's object may hold, whatever the release.
  package var fieldTypes: [String: FieldType] {
    var types: [String: FieldType] = [:]
    for field in self.fields {
      if let key = field.key {
        // Later releases are listed last.
        if let type = field.type.fieldType { types[key] = type }
      } else if case .structure(let structure) = field.type {
        types.merge(structure.fieldTypes) { $1 }
      }
    }
    return types
  }
}
