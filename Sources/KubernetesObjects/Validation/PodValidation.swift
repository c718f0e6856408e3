/// The rules for a decoded pod with the API's defaults. Problems are in the order in which the API names
/// them.
///
/// Each topic is a file: `PodValidation+Ports.swift`, …
/// Source: `pkg/apis/core/validation/validation.go`, 1.26 and 1.32.
package struct PodValidation {
  package let rules: PodRules
  package private(set) var problems: [FieldProblem] = []

  package init(_ rules: PodRules) {
    self.rules = rules
  }

  package static func problems(
    metadata: JSONValue, spec: JSONValue, rules: PodRules
  ) -> [FieldProblem] {
    var validation = Self(rules)
    let metadata = ObjectField(metadata, at: .root("metadata"))
    let spec = ObjectField(spec, at: .root("spec"))
    validation.check(metadata: metadata, name: .subdomain, isNamespaced: true)
    validation.check(annotations: metadata["annotations"], of: spec)
    validation.check(spec: spec, podName: metadata["name"].text)
    validation.checkCreation(of: spec, annotations: metadata["annotations"])
    if validation.problems.isEmpty { validation.checkReferences(ofStatic: spec) }
    return validation.problems
  }

  /// The same for any object's metadata. A namespace's name is an RFC 1123 label.
  package static func problems(ofMetadata metadata: JSONValue, isNamespace: Bool) -> [FieldProblem]
  {
    var validation = Self(PodRules(release: nil))
    validation.check(
      metadata: ObjectField(metadata, at: .root("metadata")),
      name: isNamespace ? .label : .subdomain, isNamespaced: false)
    return validation.problems
  }

  private mutating func check(spec: ObjectField, podName: String) {
    let volumes = self.check(volumes: spec["volumes"], podName: podName)
    self.check(resourceClaims: spec["resourceClaims"])
    self.check(containersOf: spec, volumes: volumes)
    if !self.rules.blamesHostPort { self.checkHostNetwork(of: spec) }
    self.choose(spec["restartPolicy"], ["Always", "OnFailure", "Never"])
    self.choose(
      spec["dnsPolicy"], ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"])
    self.check(labels: spec["nodeSelector"])
    self.check(securityContextOf: spec)
    self.check(affinity: spec["affinity"])
    self.check(dnsConfig: spec["dnsConfig"], policy: spec["dnsPolicy"].text)
    for gate in spec["readinessGates"].elements {
      self.check(gate["conditionType"], .qualifiedName)
    }
    self.check(schedulingGates: spec["schedulingGates"])
    self.check(spreadConstraints: spec["topologySpreadConstraints"])
    self.checkHostProcesses(of: spec)
    self.check(hostUsersOf: spec)
    self.checkIfGiven(spec["serviceAccountName"], .subdomain)
    self.checkIfGiven(spec["nodeName"], .subdomain)
    if let deadline = spec["activeDeadlineSeconds"].ifPresent {
      self.check(deadline, in: 1...Int64(Int32.max))
    }
    self.checkIfGiven(spec["hostname"], .label)
    self.checkIfGiven(spec["subdomain"], .label)
    for toleration in spec["tolerations"].elements { self.check(toleration: toleration) }
    self.check(hostAliases: spec["hostAliases"])
    self.checkIfGiven(spec["priorityClassName"], .subdomain)
    if let name = spec["runtimeClassName"].ifPresent { self.check(name, .subdomain) }
    self.chooseIfPresent(spec["preemptionPolicy"], ["PreemptLowerPriority", "Never"])
    if let overhead = spec["overhead"].ifPresent {
      self.check(
        resources: ObjectField(["limits": overhead.value ?? [:]], at: overhead.path), claims: [])
    }
    self.check(os: spec)
    self.check(tokensOf: spec)
    for container in spec["containers"].elements + spec["initContainers"].elements {
      let image = container["image"]
      if image.text.trimmed(\.isWhitespace) != image.text {
        self.invalid(image, "must not have leading or trailing whitespace")
      }
    }
  }

  /// What holds for a new pod alone.
  private mutating func checkCreation(of spec: ObjectField, annotations: ObjectField) {
    if !spec["ephemeralContainers"].isEmpty {
      self.forbidden(spec["ephemeralContainers"], "cannot be set on create")
    }
    if !spec["nodeName"].text.isEmpty, !spec["schedulingGates"].isEmpty {
      self.forbidden(spec["nodeName"], "cannot be set until all schedulingGates have been cleared")
    }
    self.check(profilesOf: spec, match: annotations)
  }

  // MARK: Problems

  package mutating func add(_ problem: FieldProblem) {
    if !self.problems.contains(problem) { self.problems.append(problem) }
  }

  package mutating func required(_ field: ObjectField, _ detail: String? = nil) {
    self.add(.required(field.path.description, detail))
  }

  /// - Parameter value: what the error shows, where that is not the field's own value.
  package mutating func invalid(
    _ field: ObjectField, _ detail: String, value: JSONValue? = nil
  ) {
    self.add(.invalid(field.path.description, value ?? field.value ?? "", detail))
  }

  package mutating func forbidden(_ field: ObjectField, _ detail: String) {
    self.add(.forbidden(field.path.description, detail))
  }

  package mutating func duplicate(_ field: ObjectField, value: JSONValue? = nil) {
    self.add(.duplicate(field.path.description, value ?? field.value ?? ""))
  }

  package mutating func notFound(_ field: ObjectField, _ detail: String? = nil) {
    let value = field.value ?? ""
    self.add(
      FieldProblem(
        field: field.path.description, "Not found: \(value)" + (detail.map { ": \($0)" } ?? "")))
  }

  package mutating func tooLong(_ field: ObjectField, _ bytes: Int) {
    self.add(
      FieldProblem(
        field: field.path.description,
        self.rules.release >= 32
          ? "Too long: may not be more than \(bytes) bytes"
          : "Too long: must have at most \(bytes) bytes"))
  }

  package mutating func unsupported(_ field: ObjectField, _ choices: [String]) {
    self.add(.unsupported(field.path.description, field.text, choices))
  }

  // MARK: Checks that many fields share

  /// A text that must be there and be one of these.
  package mutating func choose(_ field: ObjectField, _ choices: [String]) {
    if field.text.isEmpty {
      self.required(field)
    } else if !choices.contains(field.text) {
      self.unsupported(field, choices)
    }
  }

  package mutating func chooseIfPresent(_ field: ObjectField, _ choices: [String]) {
    if field.isPresent, !choices.contains(field.text) { self.unsupported(field, choices) }
  }

  package mutating func check(_ field: ObjectField, _ rule: NameRule) {
    for problem in rule.problems(field.text) { self.invalid(field, problem) }
  }

  package mutating func checkIfGiven(_ field: ObjectField, _ rule: NameRule) {
    if !field.text.isEmpty { self.check(field, rule) }
  }

  /// A name that must be there.
  package mutating func require(_ field: ObjectField, _ rule: NameRule) {
    if field.text.isEmpty { self.required(field) } else { self.check(field, rule) }
  }

  /// Texts or lists that must not be empty.
  package mutating func require(_ names: [String], of object: ObjectField) {
    for name in names where object[name].text.isEmpty && object[name].isEmpty {
      self.required(object[name])
    }
  }

  package mutating func check(_ field: ObjectField, in range: ClosedRange<Int64>) {
    guard !range.contains(field.number) else { return }
    self.invalid(
      field, "must be between \(range.lowerBound) and \(range.upperBound), inclusive",
      value: .integer(field.number))
  }

  package mutating func checkNotNegative(_ field: ObjectField) {
    if field.number < 0 { self.invalid(field, "must be greater than or equal to 0") }
  }

  /// A path below a directory: relative, and without `..`.
  package mutating func check(descendingPath field: ObjectField) {
    if field.text.hasPrefix("/") { self.invalid(field, "must be a relative path") }
    self.check(pathWithoutBacksteps: field)
  }

  package mutating func check(pathWithoutBacksteps field: ObjectField) {
    if field.text.hasBacksteps { self.invalid(field, "must not contain '..'") }
  }

  /// A path of a file in a volume: names that begin with `..` are the kubelet's own.
  package mutating func check(unreservedPath field: ObjectField) {
    self.check(descendingPath: field)
    if field.text.hasPrefix(".."), !field.text.hasPrefix("../") {
      self.invalid(field, "must not start with '..'")
    }
  }
}

extension String {
  /// Whether a part of the path is `..`.
  package var hasBacksteps: Bool { self.split(separator: "/").contains("..") }
}
