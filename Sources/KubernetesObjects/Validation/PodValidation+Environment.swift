/// Variables of containers, and what they and downward volumes may read of the pod.
extension PodValidation {
  mutating func check(environment: ObjectField) {
    for variable in environment.elements {
      if variable["name"].text.isEmpty {
        self.required(variable["name"])
      } else {
        self.check(variableName: variable["name"])
      }
      self.check(source: variable["valueFrom"], value: variable["value"].text)
    }
  }

  private mutating func check(variableName name: ObjectField) {
    self.check(name, self.rules.relaxesVariableNames ? .relaxedVariable : .variable)
  }

  private mutating func check(source: ObjectField, value: String) {
    guard source.isPresent else { return }
    var count = 0
    if let field = source["fieldRef"].ifPresent {
      count += 1
      let expressions = Self.fieldsOfVariables
        .filter { $0 != "status.hostIPs" || self.rules.knowsHostAddresses }
      self.check(fieldReference: field, expressions)
    }
    if let resource = source["resourceFieldRef"].ifPresent {
      count += 1
      self.check(resourceReference: resource, isInVolume: false)
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
      guard let reference = source[name].ifPresent else { continue }
      count += 1
      self.check(reference["name"], .subdomain)
      self.require(reference["key"], .configKey)
    }
    if source["fileKeyRef"].isPresent { count += 1 }
    if count == 0 {
      self.invalid(
        source,
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
        value: "")
    } else if !value.isEmpty {
      self.invalid(source, "may not be specified when `value` is not empty", value: "")
    } else if count > 1 {
      self.invalid(source, "may not have more than one field specified at a time", value: "")
    }
  }

  mutating func check(environmentFrom sources: ObjectField) {
    for source in sources.elements {
      if !source["prefix"].text.isEmpty { self.check(variableName: source["prefix"]) }
      let references = ["configMapRef", "secretRef"].map { source[$0] }.filter(\.isPresent)
      for reference in references { self.require(reference["name"], .subdomain) }
      // The API names the whole list.
      if references.isEmpty {
        self.invalid(sources, "must specify one of: `configMapRef` or `secretRef`", value: "")
      } else if references.count > 1 {
        self.invalid(sources, "may not have more than one field specified at a time", value: "")
      }
    }
  }

  // MARK: Fields of the pod

  private static let fieldsOfVariables = [
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
  ]
  static let fieldsOfVolumes = [
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace",
    "metadata.uid",
  ]
  /// Fields that the API knows but gives to nobody.
  private static let otherFields = ["spec.restartPolicy", "spec.schedulerName", "status.phase"]

  /// Source: `pkg/apis/core/pods/helpers.go` ConvertDownwardAPIFieldLabel.
  mutating func check(fieldReference reference: ObjectField, _ expressions: [String]) {
    let (version, field) = (reference["apiVersion"].text, reference["fieldPath"])
    guard !version.isEmpty else { return self.required(reference["apiVersion"]) }
    guard !field.text.isEmpty else { return self.required(field) }
    guard version == "v1" else {
      return self.invalid(
        field, "error converting fieldPath: unsupported pod version: \(version)")
    }
    if let (path, subscripted) = Self.subscripted(field.text) {
      switch path {
      case "metadata.annotations": self.check(labelName: subscripted.lowercased(), at: reference)
      case "metadata.labels": self.check(labelName: subscripted, at: reference)
      default:
        self.invalid(
          field,
          "error converting fieldPath: field label does not support subscript: \(field.text)")
      }
      return
    }
    let known = Set(Self.fieldsOfVariables + Self.fieldsOfVolumes + Self.otherFields)
    let path = field.text == "spec.host" ? "spec.nodeName" : field.text
    guard known.contains(path), path != "status.hostIPs" || self.rules.knowsHostAddresses else {
      return self.invalid(
        field, "error converting fieldPath: field label not supported: \(field.text)")
    }
    if !expressions.contains(path) { self.unsupported(field, expressions) }
  }

  /// The parts of `metadata.labels['key']`.
  private static func subscripted(_ text: String) -> (path: String, key: String)? {
    guard text.hasSuffix("']"), let start = text.firstRange(of: "['") else { return nil }
    return (
      String(text[..<start.lowerBound]), String(text[start.upperBound...].dropLast(2))
    )
  }

  // MARK: Resources of a container

  private static let resourceFields = [
    "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu",
    "requests.ephemeral-storage", "requests.memory",
  ]
  private static let memoryDivisors = [
    "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
  ]

  mutating func check(resourceReference reference: ObjectField, isInVolume: Bool) {
    let resource = reference["resource"]
    let isOfHugePages = ["requests.hugepages-", "limits.hugepages-"]
      .contains { resource.text.hasPrefix($0) }
    if isInVolume, reference["containerName"].text.isEmpty {
      self.required(reference["containerName"])
    } else if resource.text.isEmpty {
      self.required(resource)
    } else if !Self.resourceFields.contains(resource.text), !isOfHugePages {
      self.unsupported(resource, Self.resourceFields)
    }
    guard let divisor = ResourceQuantity(reference["divisor"]), divisor.sign != 0 else { return }
    let kind = resource.text.split(separator: ".").last ?? ""
    let (allowed, name): ([String], String) =
      switch kind {
      case "cpu": (["1m", "1"], "cpu")
      case "memory": (Self.memoryDivisors, "memory")
      case "ephemeral-storage": (Self.memoryDivisors, "local ephemeral storage")
      case _ where isOfHugePages: (Self.memoryDivisors, "hugepages")
      default: ([], "")
      }
    guard !name.isEmpty, !allowed.contains(divisor.description) else { return }
    let values = name == "cpu" ? "1m and 1" : allowed.joined(separator: ", ")
    self.invalid(
      reference["divisor"],
      "only divisor's values \(values) are supported with the \(name) resource",
      value: .string(resource.text))
  }
}
