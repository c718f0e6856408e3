import KubernetesObjects

/// What the kinds demand of an object besides its metadata.
extension ObjectRules {
  /// The types of all fields, as the real server's decoder demands them.
  /// - Throws: 400.
  func checkTypes(of object: JSONValue) throws(APIFailure) {
    var problems: [FieldProblem] = []
    _ = ObjectSchema.type(of: self.resource).decode(object, at: "", problems: &problems)
    guard let problem = problems.first else { return }
    let kind = self.resource.kind
    throw .badRequest(
      "\(kind) in version \"v1\" cannot be handled as a \(kind): json: \(problem)")
  }

  /// Source: `pkg/apis/coordination/validation/validation.go` ValidateLeaseSpec, 1.32.
  static func problems(ofLease spec: JSONValue?) -> [FieldProblem] {
    var problems: [FieldProblem] = []
    if let seconds = spec?["leaseDurationSeconds"]?.integer, seconds <= 0 {
      problems.append(
        .invalid("spec.leaseDurationSeconds", .integer(seconds), "must be greater than 0"))
    }
    if let count = spec?["leaseTransitions"]?.integer, count < 0 {
      problems.append(
        .invalid(
          "spec.leaseTransitions", .integer(count), "must be greater than or equal to 0"))
    }
    if spec?["preferredHolder"].text != nil, spec?["strategy"].text == nil {
      problems.append(
        .forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined"))
    }
    return problems
  }

  /// Completes a controller's template, too.
  ///
  /// Source: `pkg/apis/core/validation/validation.go` ValidateReplicationControllerSpec, 1.32.
  static func problems(ofController controller: inout JSONValue) -> [FieldProblem] {
    let spec = controller["spec"]
    var problems: [FieldProblem] = []
    let seconds = spec?["minReadySeconds"]?.integer ?? 0
    if seconds < 0 { problems.append(Self.negative("spec.minReadySeconds", seconds)) }
    let selector = spec?["selector"]?.members ?? [:]
    if selector.isEmpty { problems.append(.required("spec.selector")) }
    let replicas = spec?["replicas"]?.integer ?? 0
    if replicas < 0 { problems.append(Self.negative("spec.replicas", replicas)) }
    guard let template = spec?["template"].present else {
      return problems + [.required("spec.template")]
    }
    let labels = template.metadata.labels
    if !selector.allSatisfy({ labels[$0.key] == $0.value }) {
      problems.append(
        .invalid(
          "spec.template.metadata.labels", .object(labels),
          "`selector` does not match template `labels`"))
    }
    // The pods get their names later.
    var pod: JSONValue = ["spec": template["spec"] ?? [:]]
    pod["metadata"] = template["metadata"] ?? [:]
    pod["metadata"]?["name"] = "a"
    pod["metadata"]?["namespace"] = "default"
    problems += PodAdmission.complete(&pod).map {
      FieldProblem(field: $0.field.map { "spec.template.\($0)" } ?? "spec.template", $0.reason)
    }
    controller["spec"]?["template"]?["spec"] = pod["spec"]
    let policy = pod["spec"]?["restartPolicy"]?.string ?? "Always"
    if policy != "Always" {
      problems.append(.unsupported("spec.template.spec.restartPolicy", policy, ["Always"]))
    }
    if pod["spec"]?["activeDeadlineSeconds"].present != nil {
      problems.append(
        .forbidden(
          "spec.template.spec.activeDeadlineSeconds",
          "activeDeadlineSeconds in ReplicationController is not Supported"))
    }
    return problems
  }

  private static func negative(_ field: String, _ number: Int64) -> FieldProblem {
    .invalid(field, .integer(number), "must be greater than or equal to 0")
  }

  /// What may not change in an object's metadata.
  ///
  /// Source: `ValidatePodSpecificAnnotationUpdates`; `ValidateObjectMetaAccessorUpdate`.
  func problems(ofMetadata new: JSONValue, from old: JSONValue) -> [FieldProblem] {
    var problems: [FieldProblem] = []
    if old.metadata.isBeingDeleted {
      let added = new.metadata.finalizers.filter { !old.metadata.finalizers.contains($0) }
      if !added.isEmpty {
        let list = added.map { "\"\($0)\"" }.joined(separator: ", ")
        problems.append(
          .forbidden(
            "metadata.finalizers",
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{\(list)}"
          ))
      }
    }
    guard self.resource == .pods else { return problems }
    let name = JSONValue.mirrorAnnotation
    let (former, mirror) = (old.metadata.annotations[name], new.metadata.annotations[name])
    if former != mirror {
      problems.append(
        .forbidden(
          "metadata.annotations[\(name)]",
          former == nil
            ? "may not add mirror pod annotation"
            : "may not remove or update mirror pod annotation"))
    }
    return problems
  }
}
