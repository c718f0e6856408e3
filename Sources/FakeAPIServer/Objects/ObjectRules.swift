import KubernetesObjects

/// The rules for creating and changing objects, without I/O: all servers apply the same ones.
///
/// Source: `registry/core/*/strategy.go`, `k8s.io/apiserver/pkg/registry/rest`.
struct ObjectRules: Sendable {
  /// The values that only the server sets.
  struct Stamp: Sendable {
    /// RFC 3339 in whole seconds.
    var time: String
    var uid: String
    /// Five characters for `generateName`.
    var suffix: String
  }

  let resource: APIResource
  /// From the path; `nil` for resources outside of namespaces.
  let namespace: String?

  // MARK: Creation

  /// - Returns: the object to store.
  /// - Throws: 400 or 422.
  func created(_ body: JSONValue, _ stamp: Stamp) throws(APIFailure) -> JSONValue {
    var object = try self.checked(body)
    var metadata = object["metadata"] ?? [:]
    if !(metadata["resourceVersion"]?.string ?? "").isEmpty {
      throw .badRequest("resourceVersion should not be set on objects to be created")
    }
    if (metadata["name"]?.string ?? "").isEmpty {
      guard let prefix = metadata["generateName"]?.string, !prefix.isEmpty else {
        throw .invalid(
          self.resource, "", [.required("metadata.name", "name or generateName is required")])
      }
      metadata["name"] = .string("\(prefix.prefix(58))\(stamp.suffix)")
    }
    for field in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"]
    {
      metadata[field] = nil
    }
    metadata["namespace"] = self.namespace.map { .string($0) }
    metadata["creationTimestamp"] = .string(stamp.time)
    metadata["uid"] = .string(stamp.uid)
    object["metadata"] = metadata
    switch self.resource.name {
    case "namespaces":
      object["spec"] = ["finalizers": ["kubernetes"]]
      object["status"] = ["phase": "Active"]
    case "pods":
      object["status"] = ["phase": "Pending", "qosClass": .string(Self.qosClass(object["spec"]))]
    case "replicationcontrollers":
      self.completeController(&object)
      object["status"] = ["replicas": 0]
    default: break
    }
    return try self.validated(object)
  }

  // MARK: Changes

  /// - Parameter edit: the client's change of the object, or of its scale.
  /// - Returns: the object to store.
  /// - Throws: as ``updated(_:from:part:)``.
  func changed(
    _ old: JSONValue, part: String?, _ edit: (JSONValue) throws(APIFailure) -> JSONValue
  ) throws(APIFailure) -> JSONValue {
    guard part == "scale" else { return try self.updated(try edit(old), from: old, part: part) }
    return try self.updated(try Scale.applied(try edit(Scale.of(old)), to: old), from: old)
  }

  /// - Parameters:
  ///   - old: the stored object.
  ///   - part: `status` for the subresource.
  /// - Returns: the object to store.
  /// - Throws: 400, 409 when the body names another object, or 422.
  func updated(
    _ body: JSONValue, from old: JSONValue, part: String? = nil
  ) throws(APIFailure) -> JSONValue {
    var object = try self.checked(body)
    let name = old.metadata.name
    try self.check(name: object.metadata.name, is: name)
    let (uid, stored) = (object.metadata.uid, old.metadata.uid)
    if !uid.isEmpty, !stored.isEmpty, uid != stored {
      throw .conflict(
        self.resource, name,
        "Precondition failed: UID in precondition: \(uid), UID in object meta: \(stored)")
    }
    if part == "status" {
      var changed = old
      changed["status"] = object["status"]
      // A status update may also change annotations and labels.
      for field in ["annotations", "labels"] {
        if let value = object["metadata"]?[field] { changed["metadata"]?[field] = value }
      }
      return try self.validated(changed, from: old)
    }
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
      object["metadata"]?[field] = old["metadata"]?[field]
    }
    object["metadata"]?["resourceVersion"] = nil
    object["metadata"]?["namespace"] = self.namespace.map { .string($0) }
    if self.resource.subresources.contains("status") { object["status"] = old["status"] }
    switch self.resource.name {
    case "pods": try self.checkPodChange(object, from: old, name)
    case "namespaces": object["spec"] = old["spec"]
    case "replicationcontrollers": self.completeController(&object)
    default: break
    }
    return try self.validated(object, from: old)
  }

  /// Binds a pod to a node.
  /// - Throws: 409 when the pod is bound already.
  func bound(_ pod: JSONValue, to binding: JSONValue) throws(APIFailure) -> JSONValue {
    let name = pod.metadata.name
    guard let node = binding["target"]?["name"]?.string, !node.isEmpty else {
      throw .invalid(self.resource, name, [.required("target.name")])
    }
    if pod.metadata.isBeingDeleted {
      throw .conflict(
        self.resource, name, "pod \(name) is being deleted, cannot be assigned to a host")
    }
    if !pod.nodeName.isEmpty {
      throw .conflict(
        self.resource, name, "pod \(name) is already assigned to node \"\(pod.nodeName)\"")
    }
    var pod = pod
    pod["spec"]?["nodeName"] = .string(node)
    return pod
  }

  /// Source: the strategies' AllowUnconditionalUpdate, `registry/generic/registry/store.go`.
  /// - Throws: 422 for a kind whose updates must name a version.
  func checkUnconditionalUpdate(of name: String) throws(APIFailure) {
    guard self.resource == .leases else { return }
    throw .invalid(
      self.resource, name,
      [.invalid("metadata.resourceVersion", 0, "must be specified for an update")])
  }

  /// Marks a namespace for removal.
  ///
  /// Source: `registry/core/namespace/storage`, admission plugin NamespaceLifecycle.
  /// - Throws: 403 for a namespace that cannot be removed.
  func terminating(_ namespace: JSONValue, since time: String) throws(APIFailure) -> JSONValue {
    let name = namespace.metadata.name
    guard !["default", "kube-public", "kube-system"].contains(name) else {
      throw .forbidden("namespaces \"\(name)\" is forbidden: this namespace may not be deleted")
    }
    guard !namespace.metadata.isBeingDeleted else { return namespace }
    var namespace = namespace
    namespace["metadata"]?["deletionTimestamp"] = .string(time)
    namespace["status"] = ["phase": "Terminating"]
    return namespace
  }

  // MARK: Rules

  /// - Throws: 400 when a body names another object than the path.
  func check(name: String, is expected: String) throws(APIFailure) {
    guard name == expected else {
      throw .badRequest(
        "the name of the object (\(name)) does not match the name on the URL (\(expected))")
    }
  }

  /// Checks that a body is an object of this kind, for this namespace.
  private func checked(_ body: JSONValue) throws(APIFailure) -> JSONValue {
    guard case .object = body else {
      throw .badRequest("the body of the request is a \(body.kind), not an object")
    }
    var object = body
    let kind = body["kind"]?.string ?? ""
    let version = body["apiVersion"]?.string ?? ""
    if !kind.isEmpty, kind != self.resource.kind {
      throw .badRequest(
        "\(kind) in version \"\(version)\" cannot be handled as a \(self.resource.kind): converting (\(version).\(kind)) to (\(self.resource.apiVersion).\(self.resource.kind)): unknown conversion"
      )
    }
    if !version.isEmpty, version != self.resource.apiVersion {
      throw .badRequest(
        "the API version in the data (\(version)) does not match the expected API version (\(self.resource.apiVersion))"
      )
    }
    object["kind"] = .string(self.resource.kind)
    object["apiVersion"] = .string(self.resource.apiVersion)
    if case .object? = object["metadata"] {} else { object["metadata"] = [:] }
    if let own = object["metadata"]?["namespace"]?.string, !own.isEmpty, let namespace,
      own != namespace
    {
      throw .badRequest(
        "the namespace of the provided object does not match the namespace sent on the request")
    }
    return object
  }

  /// - Parameter old: the stored object; `nil` for a new one.
  private func validated(
    _ object: JSONValue, from old: JSONValue? = nil
  ) throws(APIFailure) -> JSONValue {
    var object = object
    if self.resource == .namespaces {
      // Source: `pkg/apis/core/v1/defaults.go` SetDefaults_Namespace.
      var labels = object.metadata.labels
      labels["kubernetes.io/metadata.name"] = .string(object.metadata.name)
      object["metadata"]?["labels"] = .object(labels)
    }
    try self.checkTypes(of: object)
    var problems =
      self.resource == .pods
      ? PodAdmission.complete(&object)
      : PodAdmission.problems(
        ofMetadata: object["metadata"] ?? [:], isNamespace: self.resource == .namespaces)
    switch self.resource.name {
    case "leases": problems += Self.problems(ofLease: object["spec"])
    case "replicationcontrollers": problems += Self.problems(ofController: &object)
    default: break
    }
    if let old { problems += self.problems(ofMetadata: object, from: old) }
    guard problems.isEmpty else {
      throw .invalid(self.resource, object.metadata.name, problems)
    }
    return object
  }

  /// Only a few fields of a pod may change. Source: `validation.go` ValidatePodUpdate.
  private func checkPodChange(
    _ new: JSONValue, from old: JSONValue, _ name: String
  ) throws(APIFailure) {
    var completed = new
    _ = PodAdmission.complete(&completed)
    func fixed(_ pod: JSONValue) -> JSONValue {
      var spec = pod["spec"] ?? [:]
      for field in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"] {
        spec[field] = nil
      }
      for field in ["containers", "initContainers"] {
        spec.updateElements(field) { $0["image"] = nil }
      }
      return spec
    }
    guard fixed(completed) == fixed(old) else {
      throw .invalid(
        self.resource, name,
        [
          FieldProblem(
            field: "spec",
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
          )
        ])
    }
  }

  /// Source: `pkg/apis/core/v1/defaults.go` SetDefaults_ReplicationController.
  private func completeController(_ object: inout JSONValue) {
    let labels = object["spec"]?["template"]?["metadata"]?["labels"]
    if object["spec"] == nil { object["spec"] = [:] }
    if object["spec"]?["replicas"] == nil { object["spec"]?["replicas"] = 1 }
    if object["spec"]?["selector"] == nil, let labels { object["spec"]?["selector"] = labels }
    if object["metadata"]?["labels"] == nil, let labels { object["metadata"]?["labels"] = labels }
  }

  /// Source: `pkg/apis/core/v1/helper/qos`, for CPU and memory.
  static func qosClass(_ spec: JSONValue?) -> String {
    let containers =
      (spec?["containers"]?.elements ?? []) + (spec?["initContainers"]?.elements ?? [])
    var asks = false
    var isGuaranteed = !containers.isEmpty
    for container in containers {
      let limits = container["resources"]?["limits"]?.members ?? [:]
      let requests = container["resources"]?["requests"]?.members ?? [:]
      for name in ["cpu", "memory"] {
        if limits[name] != nil || requests[name] != nil { asks = true }
        if limits[name] == nil || requests[name].map({ $0 != limits[name] }) ?? false {
          isGuaranteed = false
        }
      }
    }
    return isGuaranteed ? "Guaranteed" : asks ? "Burstable" : "BestEffort"
  }
}
