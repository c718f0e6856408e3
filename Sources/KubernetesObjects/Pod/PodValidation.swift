/// The rules for a decoded pod. Problems are in the order of the fields.
///
/// Source: `pkg/apis/core/validation/validation.go`, 1.32, without the parts that static pods rarely
/// use, such as affinity and the volumes of clouds.
package struct PodValidation {
  /// Whether containers may be privileged: `--allow-privileged` of the 1.1 kubelet.
  package let allowsPrivileged: Bool
  private var problems: [FieldProblem] = []

  package init(allowsPrivileged: Bool) {
    self.allowsPrivileged = allowsPrivileged
  }

  package static func problems(
    metadata: JSONValue, spec: JSONValue, allowsPrivileged: Bool
  ) -> [FieldProblem] {
    var validation = Self(allowsPrivileged: allowsPrivileged)
    validation.check(metadata: metadata)
    validation.check(spec: spec)
    return validation.problems
  }

  /// The same for any object's metadata. A namespace's name is an RFC 1123 label.
  package static func problems(ofMetadata metadata: JSONValue, isNamespace: Bool) -> [FieldProblem]
  {
    var validation = Self(allowsPrivileged: true)
    validation.checkName(
      metadata["name"], at: "metadata.name",
      isNamespace ? KubernetesName.labelProblem : KubernetesName.subdomainProblem)
    validation.check(labelsOf: metadata)
    return validation.problems
  }

  private mutating func check(metadata: JSONValue) {
    self.checkName(metadata["name"], at: "metadata.name", KubernetesName.subdomainProblem)
    self.checkName(metadata["namespace"], at: "metadata.namespace", KubernetesName.labelProblem)
    self.check(labelsOf: metadata)
  }

  private mutating func check(labelsOf metadata: JSONValue) {
    for (key, value) in (metadata["labels"]?.members ?? [:]).sorted(by: { $0.key < $1.key }) {
      if let problem = KubernetesName.qualifiedNameProblem(key) {
        self.problems.append(.invalid("metadata.labels", .string(key), problem))
      }
      if let problem = KubernetesName.labelValueProblem(value.string ?? "") {
        self.problems.append(.invalid("metadata.labels", value, problem))
      }
    }
    for key in (metadata["annotations"]?.members ?? [:]).keys.sorted() {
      // An annotation's prefix may have upper-case letters.
      if let problem = KubernetesName.qualifiedNameProblem(key.lowercased()) {
        self.problems.append(.invalid("metadata.annotations", .string(key), problem))
      }
    }
  }

  private mutating func check(spec: JSONValue) {
    let volumes = self.checkVolumes(spec["volumes"]?.elements ?? [])
    let containers = spec["containers"]?.elements ?? []
    if containers.isEmpty { self.problems.append(.required("spec.containers")) }
    var names: Set<String> = []
    var hostPorts: Set<String> = []
    let grace = spec["terminationGracePeriodSeconds"]?.integer ?? 0
    for (index, container) in containers.enumerated() {
      let path = "spec.containers[\(index)]"
      self.check(container: container, at: path, volumes: volumes, names: &names)
      self.checkPorts(of: container, at: path, hostPorts: &hostPorts)
      self.check(probesOf: container, at: path)
      self.check(hooksOf: container, at: path, grace: grace)
    }
    for (index, container) in (spec["initContainers"]?.elements ?? []).enumerated() {
      let path = "spec.initContainers[\(index)]"
      self.check(container: container, at: path, volumes: volumes, names: &names)
    }
    if !(spec["ephemeralContainers"]?.elements ?? []).isEmpty {
      self.problems.append(.forbidden("spec.ephemeralContainers", "cannot be set on create"))
    }
    self.checkChoice(spec["restartPolicy"], at: "spec.restartPolicy", Self.restartPolicies)
    self.checkChoice(spec["dnsPolicy"], at: "spec.dnsPolicy", Self.dnsPolicies)
    if let seconds = spec["activeDeadlineSeconds"], let number = seconds.integer {
      if !(1...Int64(Int32.max)).contains(number) {
        self.problems.append(
          .invalid("spec.activeDeadlineSeconds", seconds, "must be between 1 and 2147483647"))
      }
    }
  }

  private static let restartPolicies = ["Always", "OnFailure", "Never"]
  private static let dnsPolicies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]
  private static let pullPolicies = ["Always", "IfNotPresent", "Never"]
  private static let hostPathTypes = [
    "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice",
    "BlockDevice",
  ]

  /// Checks the volumes and returns their names.
  private mutating func checkVolumes(_ volumes: [JSONValue]) -> Set<String> {
    var names: Set<String> = []
    for (index, volume) in volumes.enumerated() {
      let path = "spec.volumes[\(index)]"
      self.checkName(volume["name"], at: "\(path).name", KubernetesName.labelProblem)
      if let name = volume["name"]?.string, !names.insert(name).inserted {
        self.problems.append(.duplicate("\(path).name", .string(name)))
      }
      let kinds = PodSchema.volumeKinds.filter { volume[$0] != nil }
      for kind in kinds.dropFirst() {
        self.problems.append(
          .forbidden("\(path).\(kind)", "may not specify more than 1 volume type"))
      }
      guard let hostPath = volume["hostPath"] else { continue }
      let directory = hostPath["path"]?.string ?? ""
      if directory.isEmpty { self.problems.append(.required("\(path).hostPath.path")) }
      if directory.split(separator: "/").contains("..") {
        self.problems.append(
          .invalid("\(path).hostPath.path", .string(directory), "must not contain '..'"))
      }
      self.checkChoice(hostPath["type"], at: "\(path).hostPath.type", Self.hostPathTypes)
    }
    return names
  }

  private mutating func check(
    container: JSONValue, at path: String, volumes: Set<String>, names: inout Set<String>
  ) {
    self.checkName(container["name"], at: "\(path).name", KubernetesName.labelProblem)
    if let name = container["name"]?.string, !names.insert(name).inserted {
      self.problems.append(.duplicate("\(path).name", .string(name)))
    }
    let image = container["image"]?.string ?? ""
    if image.isEmpty {
      self.problems.append(.required("\(path).image"))
    } else if image.first?.isWhitespace == true || image.last?.isWhitespace == true {
      self.problems.append(
        .invalid("\(path).image", .string(image), "must not have leading or trailing whitespace"))
    }
    self.checkChoice(container["imagePullPolicy"], at: "\(path).imagePullPolicy", Self.pullPolicies)
    self.checkMounts(of: container, at: path, volumes: volumes)
    for (index, variable) in (container["env"]?.elements ?? []).enumerated()
    where (variable["name"]?.string ?? "").isEmpty {
      self.problems.append(.required("\(path).env[\(index)].name"))
    }
    if container["securityContext"]?["privileged"]?.boolean == true, !self.allowsPrivileged {
      self.problems.append(
        .forbidden(
          "\(path).securityContext.privileged",
          "disallowed by cluster policy; --allow-privileged=true allows it"))
    }
  }

  private mutating func checkMounts(of container: JSONValue, at path: String, volumes: Set<String>)
  {
    var mountPaths: Set<String> = []
    for (index, mount) in (container["volumeMounts"]?.elements ?? []).enumerated() {
      let path = "\(path).volumeMounts[\(index)]"
      let volume = mount["name"]?.string ?? ""
      if volume.isEmpty {
        self.problems.append(.required("\(path).name"))
      } else if !volumes.contains(volume) {
        self.problems.append(
          FieldProblem(field: "\(path).name", "Not found: \(JSONValue.string(volume))"))
      }
      let mountPath = mount["mountPath"]?.string ?? ""
      if mountPath.isEmpty {
        self.problems.append(.required("\(path).mountPath"))
      } else if !mountPaths.insert(mountPath).inserted {
        self.problems.append(
          .invalid("\(path).mountPath", .string(mountPath), "must be unique"))
      }
    }
  }

  private mutating func checkPorts(
    of container: JSONValue, at path: String, hostPorts: inout Set<String>
  ) {
    for (index, port) in (container["ports"]?.elements ?? []).enumerated() {
      let path = "\(path).ports[\(index)]"
      if port["containerPort"] == nil {
        self.problems.append(.required("\(path).containerPort"))
      }
      self.checkPort(port["containerPort"], at: "\(path).containerPort")
      self.checkChoice(port["protocol"], at: "\(path).protocol", ["TCP", "UDP", "SCTP"])
      guard let hostPort = port["hostPort"], hostPort.integer != 0 else { continue }
      self.checkPort(hostPort, at: "\(path).hostPort")
      let address = "\(port["protocol"]?.string ?? "")/\(port["hostIP"]?.string ?? "")/\(hostPort)"
      if !hostPorts.insert(address).inserted {
        self.problems.append(.duplicate("\(path).hostPort", .string(address)))
      }
    }
  }

  private mutating func check(probesOf container: JSONValue, at path: String) {
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
      guard let probe = container[name] else { continue }
      let path = "\(path).\(name)"
      self.check(handlerOf: probe, at: path, kinds: ["exec", "httpGet", "tcpSocket", "grpc"])
      for field in Self.probeNumbers {
        guard let value = probe[field], (value.integer ?? 0) < 0 else { continue }
        self.problems.append(
          .invalid("\(path).\(field)", value, "must be greater than or equal to 0"))
      }
      if name != "readinessProbe", let threshold = probe["successThreshold"], threshold != 1 {
        self.problems.append(.invalid("\(path).successThreshold", threshold, "must be 1"))
      }
    }
  }

  private mutating func check(hooksOf container: JSONValue, at path: String, grace: Int64) {
    for name in ["preStop", "postStart"] {
      guard let hook = container["lifecycle"]?[name] else { continue }
      let path = "\(path).lifecycle.\(name)"
      self.check(handlerOf: hook, at: path, kinds: ["exec", "httpGet", "tcpSocket", "sleep"])
      guard let sleep = hook["sleep"] else { continue }
      let seconds = sleep["seconds"] ?? 0
      if !(1...max(1, grace)).contains(seconds.integer ?? 0) {
        self.problems.append(
          .invalid(
            "\(path).sleep.seconds", seconds,
            "must be greater than 0 and not more than terminationGracePeriodSeconds (\(grace))"))
      }
    }
  }

  private mutating func check(handlerOf value: JSONValue, at path: String, kinds: [String]) {
    let handlers = kinds.filter { value[$0] != nil }
    if handlers.isEmpty { self.problems.append(.required(path, "must specify a handler type")) }
    for handler in handlers.dropFirst() {
      self.problems.append(
        .forbidden("\(path).\(handler)", "may not specify more than 1 handler type"))
    }
    for handler in handlers where handler != "exec" && handler != "sleep" {
      let port = value[handler]?["port"]
      if port == nil { self.problems.append(.required("\(path).\(handler).port")) }
      self.checkPort(port, at: "\(path).\(handler).port")
    }
  }

  private static let probeNumbers = [
    "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
    "failureThreshold",
  ]

  /// A named port is checked where it is used.
  private mutating func checkPort(_ port: JSONValue?, at path: String) {
    guard let port, let number = port.integer, !(1...65535).contains(number) else { return }
    self.problems.append(.invalid(path, port, "must be between 1 and 65535, inclusive"))
  }

  private mutating func checkName(
    _ value: JSONValue?, at path: String, _ problem: (String) -> String?
  ) {
    guard let value, let text = value.string, !text.isEmpty else {
      self.problems.append(.required(path))
      return
    }
    if let problem = problem(text) { self.problems.append(.invalid(path, value, problem)) }
  }

  private mutating func checkChoice(_ value: JSONValue?, at path: String, _ choices: [String]) {
    guard let text = value?.string, !choices.contains(text) else { return }
    self.problems.append(.unsupported(path, text, choices))
  }
}
