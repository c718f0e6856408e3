/// Writes a value as Go's go-spew prints it with its types (`%#v`, without methods, maps sorted by key).
/// A static pod's uid is the digest of this text.
///
/// Strings are raw, every field of a structure is printed, and elements of lists and maps have no type.
package struct PodDump {
  /// The kubelet's release, as the minor version of 1.x.
  private let minor: Int
  package private(set) var text: [UInt8] = []

  /// The text of a pod before the kubelet adds anything of its own.
  package static func text(metadata: JSONValue, spec: JSONValue, status: JSONValue, minor: Int)
    -> [UInt8]
  {
    var dump = Self(minor: minor)
    let pod: JSONValue = [
      "metadata": metadata, "spec": Self.internalForm(spec: spec),
      "status": Self.internalForm(status: status),
    ]
    dump.write(pod, as: .pointer(.structure(PodTypes.pod)))
    return dump.text
  }

  private init(minor: Int) {
    self.minor = minor
  }

  /// Moves fields from `spec`, where the API has them, to the security context, where the kubelet does.
  private static func internalForm(spec: JSONValue) -> JSONValue {
    var spec = spec
    for name in PodSchema.switches {
      if let value = spec[name] { spec["securityContext"]?[name] = value }
    }
    return spec
  }

  /// The kubelet has only the list of addresses; `podIP` replaces a list that begins differently.
  private static func internalForm(status: JSONValue) -> JSONValue {
    var status = status
    if let address = status["podIP"], address != "",
      status["podIPs"]?.elements.first?["ip"] != address
    {
      status["podIPs"] = [["ip": address]]
    }
    return status
  }

  private mutating func write(_ value: JSONValue?, as type: GoType) {
    self.append("(")
    self.append(type.name)
    self.append(")")
    self.writeBare(value, as: type)
  }

  /// Without the type's name in front.
  private mutating func writeBare(_ value: JSONValue?, as type: GoType) {
    switch type {
    case .text: self.append(value?.string ?? "")
    case .boolean: self.append(value?.boolean == true ? "true" : "false")
    case .int32, .int64: self.append(String(value?.integer ?? 0))
    case .intOrString: self.writeIntOrString(value)
    case .quantity: self.write(Self.quantity(value))
    case .roundedQuantity: self.write(Self.quantity(value).roundedToThousandths())
    case .time:
      self.append("{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}")
    case .pointer(let type):
      if value == nil { self.append("<nil>") } else { self.writeBare(value, as: type) }
    case .list(let type):
      guard let value else { return self.append("<nil>") }
      self.append("[")
      for (index, element) in value.elements.enumerated() {
        if index > 0 { self.append(" ") }
        self.writeBare(element, as: type)
      }
      self.append("]")
    case .map(_, let type):
      guard let value else { return self.append("<nil>") }
      self.append("map[")
      for (index, member) in value.members.sorted(by: ByteOrder.precedes).enumerated() {
        if index > 0 { self.append(" ") }
        self.append(member.key)
        self.append(":")
        self.writeBare(member.value, as: type)
      }
      self.append("]")
    case .structure(let structure): self.write(value, as: structure)
    }
  }

  private mutating func write(_ value: JSONValue?, as structure: GoStructure) {
    self.append("{")
    var isFirst = true
    for field in structure.fields where field.releases.contains(self.minor) {
      if !isFirst { self.append(" ") }
      isFirst = false
      self.append(field.name)
      self.append(":")
      if let key = field.key {
        self.write(value?[key], as: field.type)
      } else {
        self.write(value, as: field.type)
      }
    }
    self.append("}")
  }

  private mutating func writeIntOrString(_ value: JSONValue?) {
    let type = value?.string == nil ? 0 : 1
    self.append("{Type:(intstr.Type)\(type) IntVal:(int32)\(value?.integer ?? 0) ")
    self.append("StrVal:(string)\(value?.string ?? "")}")
  }

  /// Unreadable quantities never get here: the schema refuses them.
  private static func quantity(_ value: JSONValue?) -> ResourceQuantity {
    guard let value else { return .none }
    do throws(ResourceQuantity.Unreadable) {
      return try ResourceQuantity(value)
    } catch {
      return .none
    }
  }

  private mutating func write(_ quantity: ResourceQuantity) {
    var (value, scale, decimal) = (Int64(0), 0, "<nil>")
    switch quantity.amount {
    case .small(let small, let exponent): (value, scale) = (small, exponent)
    case .big(let magnitude, let places, let isNegative):
      // The words of a big number, the lowest first.
      let low = UInt64(truncatingIfNeeded: magnitude)
      let high = UInt64(truncatingIfNeeded: magnitude >> 64)
      let words = high > 0 ? "\(low) \(high)" : low > 0 ? "\(low)" : ""
      decimal =
        "{unscaled:(big.Int){neg:(bool)\(isNegative && magnitude > 0) abs:(big.nat)[\(words)]} "
        + "scale:(inf.Scale)\(places)}"
    }
    self.append("{i:(resource.int64Amount){value:(int64)\(value) scale:(resource.Scale)\(scale)} ")
    self.append("d:(resource.infDecAmount){Dec:(*inf.Dec)\(decimal)} ")
    self.append("s:(string)\(quantity.text) Format:(resource.Format)")
    self.append("\(quantity.format?.rawValue ?? "")}")
  }

  private mutating func append(_ text: String) { self.text += text.utf8 }
}
