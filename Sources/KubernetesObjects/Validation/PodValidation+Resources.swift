/// Requests and limits of containers, and the claims of a pod.
///
/// Source: also `pkg/apis/core/helper/helpers.go`.
extension PodValidation {
  /// - Parameter claims: the names of the pod's claims.
  mutating func check(resources: ObjectField, claims: Set<String>) {
    let (limits, requests) = (resources["limits"], resources["requests"])
    for (name, quantity) in limits.members { self.check(quantity: quantity, of: name) }
    for (name, quantity) in requests.members {
      self.check(quantity: quantity, of: name)
      self.check(request: quantity, of: name, limits: limits, requests: requests)
    }
    let names = limits.members.map(\.key) + requests.members.map(\.key)
    if names.contains(where: Self.isHugePages), !names.contains("cpu"), !names.contains("memory") {
      self.forbidden(resources, "HugePages require cpu or memory")
    }
    self.check(claims: resources["claims"], of: claims)
  }

  private mutating func check(quantity field: ObjectField, of name: String) {
    self.check(resource: name, at: field)
    guard let quantity = ResourceQuantity(field) else { return }
    let text = JSONValue.string(quantity.description)
    if quantity.sign < 0 {
      self.invalid(field, "must be greater than or equal to 0", value: text)
    }
    if Self.isExtended(name), !quantity.isWhole {
      self.invalid(field, "must be an integer", value: text)
    }
    guard Self.isHugePages(name) else { return }
    let page = try? ResourceQuantity(String(name.dropFirst("hugepages-".count)))
    if page.map({ !quantity.isMultiple(of: $0) }) ?? true {
      self.invalid(
        field, "\(quantity) is not positive integer multiple of \(name)", value: text)
    }
  }

  private mutating func check(
    request field: ObjectField, of name: String, limits: ObjectField, requests: ObjectField
  ) {
    let isFlexible = Self.isNative(name) && !Self.isHugePages(name)
    guard let limit = ResourceQuantity(limits[name]) else {
      if !isFlexible {
        self.required(limits, "Limit must be set for non overcommitable resources")
      }
      return
    }
    guard let request = ResourceQuantity(field) else { return }
    let text = JSONValue.string(request.description)
    if !isFlexible, !request.isEqual(to: limit) {
      self.invalid(requests, "must be equal to \(name) limit of \(limit)", value: text)
    } else if limit.isLess(than: request) {
      self.invalid(
        requests, "must be less than or equal to \(name) limit of \(limit)", value: text)
    }
  }

  private static let ofContainers: Set<String> = ["cpu", "memory", "ephemeral-storage"]
  /// Names without a prefix that the API knows, for containers or for quotas.
  private static let standard: Set<String> = ofContainers.union([
    "storage", "requests.cpu", "requests.memory", "requests.storage", "requests.ephemeral-storage",
    "limits.cpu", "limits.memory", "limits.ephemeral-storage", "pods", "resourcequotas",
    "services", "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims",
    "services.nodeports", "services.loadbalancers",
  ])

  private static func isHugePages(_ name: String) -> Bool { name.hasPrefix("hugepages-") }

  private static func isNative(_ name: String) -> Bool {
    !name.contains("/") || name.contains("kubernetes.io/")
  }

  private static func isExtended(_ name: String) -> Bool {
    !Self.isNative(name) && !name.hasPrefix("requests.")
      && KubernetesName.qualifiedNameProblem("requests." + name) == nil
  }

  private mutating func check(resource name: String, at field: ObjectField) {
    func invalid(_ words: String) { self.invalid(field, words, value: .string(name)) }
    let problems = NameRule.qualifiedName.problems(name)
    problems.forEach(invalid)
    if name.contains("/") {
      if !Self.isNative(name), !Self.isExtended(name) {
        invalid("doesn't follow extended resource name standard")
      }
      return
    }
    if problems.isEmpty, !Self.standard.contains(name), !Self.isHugePages(name) {
      invalid("must be a standard resource type or fully qualified")
    }
    if !Self.ofContainers.contains(name), !Self.isHugePages(name) {
      invalid("must be a standard resource for containers")
    }
  }

  // MARK: Claims

  private mutating func check(claims: ObjectField, of known: Set<String>) {
    var names: Set<String> = []
    for claim in claims.elements {
      let (name, request) = (claim["name"].text, claim["request"])
      let shown = ObjectField(.string(name), at: claim.path)
      guard !name.isEmpty else {
        self.required(claim)
        continue
      }
      self.checkIfGiven(request, .label)
      let key = request.text.isEmpty ? name : "\(name)/\(request.text)"
      let isTaken =
        names.contains(name) || names.contains(key)
        || request.text.isEmpty && names.contains { $0.hasPrefix("\(name)/") }
      if isTaken { self.duplicate(shown) }
      names.insert(key)
      if !known.contains(name) {
        self.notFound(
          shown,
          "must be one of the names in pod.spec.resourceClaims"
            + (known.isEmpty ? " which is empty" : ": " + known.sorted().joined(separator: ", ")))
      }
    }
  }

  mutating func check(resourceClaims claims: ObjectField) {
    var names: Set<String> = []
    for claim in claims.elements {
      let name = claim["name"]
      if name.text.isEmpty {
        self.required(name)
      } else if !names.insert(name.text).inserted {
        self.duplicate(name)
      } else {
        self.check(name, .label)
      }
      // Up to 1.30 the references are in an object of their own.
      let source = self.rules.release < 31 ? claim["source"] : claim
      let references = ["resourceClaimName", "resourceClaimTemplateName"].map { source[$0] }
        .filter(\.isPresent)
      if references.count > 1 {
        self.invalid(
          source,
          "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified")
      } else if references.isEmpty {
        self.invalid(
          source, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
      }
      for reference in references { self.check(reference, .subdomain) }
    }
  }
}
