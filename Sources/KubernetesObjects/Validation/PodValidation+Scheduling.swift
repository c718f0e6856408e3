/// Where a pod may run: tolerations, affinity, spreading, selectors.
///
/// Source: also `k8s.io/apimachinery/pkg/apis/meta/v1/validation`.
extension PodValidation {
  mutating func check(toleration: ObjectField) {
    let (key, operation, value) = (toleration["key"], toleration["operator"], toleration["value"])
    let effect = toleration["effect"]
    if !key.text.isEmpty { self.check(key, .qualifiedName) }
    if key.text.isEmpty, operation.text != "Exists" {
      self.invalid(
        operation,
        "operator must be Exists when `key` is empty, which means \"match all values and all keys\""
      )
    }
    if toleration["tolerationSeconds"].isPresent, effect.text != "NoExecute" {
      self.invalid(effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")
    }
    switch operation.text {
    case "", "Equal":
      for problem in NameRule.labelValue.problems(value.text) {
        self.invalid(operation, problem, value: value.value)
      }
    case "Exists":
      if !value.text.isEmpty {
        self.invalid(
          operation, "value must be empty when `operator` is 'Exists'", value: value.value)
      }
    default: self.unsupported(operation, ["Equal", "Exists"])
    }
    if !effect.text.isEmpty {
      self.choose(effect, ["NoSchedule", "PreferNoSchedule", "NoExecute"])
    }
  }

  mutating func check(schedulingGates gates: ObjectField) {
    var names: Set<String> = []
    for gate in gates.elements {
      let name = ObjectField(gate["name"].value ?? "", at: gate.path)
      self.check(name, .qualifiedName)
      if !names.insert(name.text).inserted { self.duplicate(name) }
    }
  }

  // MARK: Affinity

  private static let now = "requiredDuringSchedulingIgnoredDuringExecution"
  private static let later = "preferredDuringSchedulingIgnoredDuringExecution"

  mutating func check(affinity: ObjectField) {
    let nodes = affinity["nodeAffinity"]
    if let required = nodes[Self.now].ifPresent {
      let terms = required["nodeSelectorTerms"]
      if terms.isEmpty { self.required(terms, "must have at least one node selector term") }
      for term in terms.elements {
        self.check(nodeTerm: term, checksValues: self.rules.checksNodeAffinityValues)
      }
    }
    for preferred in nodes[Self.later].elements {
      self.check(weightOf: preferred)
      self.check(nodeTerm: preferred["preference"], checksValues: false)
    }
    for pods in [affinity["podAffinity"], affinity["podAntiAffinity"]] {
      for term in pods[Self.now].elements { self.check(podTerm: term) }
      for preferred in pods[Self.later].elements {
        self.check(weightOf: preferred)
        self.check(podTerm: preferred["podAffinityTerm"])
      }
    }
  }

  private mutating func check(weightOf term: ObjectField) {
    if !(1...100).contains(term["weight"].number) {
      self.invalid(
        term["weight"], "must be in the range 1-100", value: .integer(term["weight"].number))
    }
  }

  private mutating func check(nodeTerm term: ObjectField, checksValues: Bool) {
    for requirement in term["matchExpressions"].elements {
      let values = requirement["values"]
      switch requirement["operator"].text {
      case "Gt", "Lt":
        if values.elements.count != 1 {
          self.required(values, "must be specified single value when `operator` is 'Lt' or 'Gt'")
        }
      default: self.check(operatorOf: requirement)
      }
      self.check(requirement["key"], .qualifiedName)
      if checksValues { for value in values.elements { self.check(value, .labelValue) } }
    }
    for requirement in term["matchFields"].elements {
      let values = requirement["values"]
      if !["In", "NotIn"].contains(requirement["operator"].text) {
        self.invalid(requirement["operator"], "not a valid selector operator")
      } else if values.elements.count != 1 {
        self.required(
          values,
          "must be only one value when `operator` is 'In' or 'NotIn' for node field selector")
      }
      if requirement["key"].text == "metadata.name" {
        for value in values.elements { self.check(value, .subdomain) }
      } else {
        self.invalid(requirement["key"], "not a valid field selector key")
      }
    }
  }

  private mutating func check(operatorOf requirement: ObjectField) {
    let values = requirement["values"]
    switch requirement["operator"].text {
    case "In", "NotIn":
      if values.isEmpty {
        self.required(values, "must be specified when `operator` is 'In' or 'NotIn'")
      }
    case "Exists", "DoesNotExist":
      if !values.isEmpty {
        self.forbidden(
          values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
      }
    default: self.invalid(requirement["operator"], "not a valid selector operator")
    }
  }

  mutating func check(selector: ObjectField) {
    self.check(labels: selector["matchLabels"])
    for requirement in selector["matchExpressions"].elements {
      self.check(operatorOf: requirement)
      self.check(requirement["key"], .qualifiedName)
      for value in requirement["values"].elements { self.check(value, .labelValue) }
    }
  }

  private mutating func check(podTerm term: ObjectField) {
    let (selector, topology) = (term["labelSelector"], term["topologyKey"])
    self.check(selector: selector)
    self.check(selector: term["namespaceSelector"])
    for name in term["namespaces"].elements {
      self.check(ObjectField(name.value, at: term["namespace"].path), .label)
    }
    let (matching, mismatching) = (term["matchLabelKeys"], term["mismatchLabelKeys"])
    for keys in [matching, mismatching] where !keys.isEmpty {
      if selector.isPresent {
        for key in keys.elements { self.check(key, .qualifiedName) }
      } else {
        self.forbidden(keys, "must not be specified when labelSelector is not set")
      }
    }
    let others = Set(mismatching.elements.map(\.text))
    for key in matching.elements where others.contains(key.text) {
      self.invalid(key, "exists in both matchLabelKeys and mismatchLabelKeys")
    }
    if topology.text.isEmpty { self.required(topology, "can not be empty") }
    self.check(topology, .qualifiedName)
  }

  // MARK: Spreading

  mutating func check(spreadConstraints constraints: ObjectField) {
    let all = constraints.elements
    for (index, constraint) in all.enumerated() {
      let action = constraint["whenUnsatisfiable"].text
      let topology = constraint["topologyKey"].text
      self.checkPositive(constraint["maxSkew"])
      if topology.isEmpty { self.required(constraint["topologyKey"], "can not be empty") }
      if !["DoNotSchedule", "ScheduleAnyway"].contains(action) {
        self.unsupported(constraint["whenUnsatisfiable"], ["DoNotSchedule", "ScheduleAnyway"])
      }
      if all[(index + 1)...].contains(where: {
        $0["topologyKey"].text == topology && $0["whenUnsatisfiable"].text == action
      }) {
        self.duplicate(
          constraint["{topologyKey, whenUnsatisfiable}"],
          value: .string("{\(topology), \(action)}"))
      }
      if let domains = constraint["minDomains"].ifPresent {
        self.checkPositive(domains)
        if action != "DoNotSchedule" {
          self.invalid(
            domains,
            "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not \(action)")
        }
      }
      for name in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
        self.chooseIfPresent(constraint[name], ["Honor", "Ignore"])
      }
      self.check(labelKeysOf: constraint)
      if self.rules.checksSpreadSelectors { self.check(selector: constraint["labelSelector"]) }
    }
  }

  private mutating func checkPositive(_ field: ObjectField) {
    if field.number <= 0 {
      self.invalid(field, "must be greater than zero", value: .integer(field.number))
    }
  }

  private mutating func check(labelKeysOf constraint: ObjectField) {
    let (keys, selector) = (constraint["matchLabelKeys"], constraint["labelSelector"])
    guard !keys.isEmpty else { return }
    if !selector.isPresent {
      self.forbidden(keys, "must not be specified when labelSelector is not set")
    }
    let selected = Set(
      selector["matchLabels"].members.map(\.key)
        + selector["matchExpressions"].elements.map { $0["key"].text })
    for key in keys.elements {
      self.check(key, .qualifiedName)
      if selected.contains(key.text) {
        self.invalid(key, "exists in both matchLabelKeys and labelSelector")
      }
    }
  }
}
