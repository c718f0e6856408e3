/// Containers and init containers.
extension PodValidation {
  mutating func check(containersOf spec: ObjectField, volumes: [String: ObjectField]) {
    let containers = spec["containers"].elements
    if containers.isEmpty { self.required(spec["containers"]) }
    let context = ContainerContext(spec: spec, volumes: volumes)
    var names: Set<String> = []
    for container in containers {
      self.check(container: container, context)
      if !names.insert(container["name"].text).inserted { self.duplicate(container["name"]) }
      self.check(hooksAndProbesOf: container, grace: context.grace)
      if self.rules.knowsSidecars, !self.rules.restartsContainers,
        let policy = container["restartPolicy"].ifPresent
      {
        self.forbidden(policy, "may not be set for non-init containers")
      }
    }
    var hostPorts: Set<String> = []
    for container in containers { self.check(hostPortsOf: container, others: &hostPorts) }
    for container in spec["initContainers"].elements {
      self.check(container: container, context)
      self.check(initContainer: container, context)
      if names.contains(container["name"].text) {
        self.duplicate(container["name"])
      } else if !container["name"].text.isEmpty {
        names.insert(container["name"].text)
      }
    }
    if self.rules.blamesHostPort { self.checkHostNetwork(of: spec) }
  }

  /// What the rules for a container depend on.
  struct ContainerContext {
    let volumes: [String: ObjectField]
    let claims: Set<String>
    let grace: Int64
    let restartPolicy: String
    /// Whether the pod's users are the host's.
    let usesHostUsers: Bool

    init(spec: ObjectField, volumes: [String: ObjectField]) {
      self.volumes = volumes
      self.claims = Set(
        spec["resourceClaims"].elements.map { $0["name"].text }.filter { !$0.isEmpty })
      self.grace = spec["terminationGracePeriodSeconds"].number
      self.restartPolicy = spec["restartPolicy"].text
      self.usesHostUsers = spec["hostUsers"].value?.boolean ?? true
    }
  }

  private mutating func check(container: ObjectField, _ context: ContainerContext) {
    self.require(container["name"], .label)
    if container["image"].text.isEmpty { self.required(container["image"]) }
    self.choose(container["terminationMessagePolicy"], ["File", "FallbackToLogsOnError"])
    self.check(ports: container["ports"])
    self.check(environment: container["env"])
    self.check(environmentFrom: container["envFrom"])
    self.check(mountsOf: container, volumes: context.volumes)
    self.check(devicesOf: container, volumes: context.volumes)
    self.choose(container["imagePullPolicy"], Self.pullPolicies)
    self.check(resources: container["resources"], claims: context.claims)
    self.check(resizePolicies: container["resizePolicy"], restartPolicy: context.restartPolicy)
    self.check(
      securityContext: container["securityContext"], usesHostUsers: context.usesHostUsers)
  }

  static let pullPolicies = ["Always", "IfNotPresent", "Never"]

  private mutating func check(initContainer container: ObjectField, _ context: ContainerContext) {
    let policy = container["restartPolicy"]
    if self.rules.knowsSidecars {
      self.chooseIfPresent(
        policy, self.rules.restartsContainers ? ["Always", "OnFailure", "Never"] : ["Always"])
    }
    // Init containers run one by one.
    var hostPorts: Set<String> = []
    self.check(hostPortsOf: container, others: &hostPorts)
    if self.rules.knowsSidecars, policy.text == "Always" {
      self.check(hooksAndProbesOf: container, grace: context.grace)
    } else {
      for name in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"]
      where container[name].isPresent {
        self.forbidden(
          container[name],
          self.rules.knowsSidecars
            ? "may not be set for init containers without restartPolicy=Always"
            : "may not be set for init containers")
      }
    }
    if !self.rules.allowsResizeOfSidecars, !container["resizePolicy"].isEmpty {
      self.invalid(container["resizePolicy"], "must not be set for init containers")
    }
  }

  private mutating func check(resizePolicies: ObjectField, restartPolicy: String) {
    var names: Set<String> = []
    for policy in resizePolicies.elements {
      let name = policy["resourceName"]
      if !names.insert(name.text).inserted {
        self.duplicate(ObjectField(name.value, at: policy.path))
      }
      // The API names the whole list.
      self.choose(ObjectField(name.value, at: resizePolicies.path), ["cpu", "memory"])
      let restart = ObjectField(policy["restartPolicy"].value, at: resizePolicies.path)
      self.choose(restart, ["NotRequired", "RestartContainer"])
      if restartPolicy == "Never", restart.text != "NotRequired" {
        self.invalid(restart, "must be 'NotRequired' when `restartPolicy` is 'Never'")
      }
    }
  }
}
