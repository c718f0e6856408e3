/// An API server's rules for pods. They are the kubelet's rules for manifests.
package enum PodAdmission {
  /// Gives a pod the API's defaults, and quantities their canonical form.
  /// - Returns: all problems of the pod; none when it is valid.
  package static func complete(_ pod: inout JSONValue) -> [FieldProblem] {
    var problems: [FieldProblem] = []
    let decoded = PodSchema.pod.decode(pod, at: "", problems: &problems)
    guard problems.isEmpty else { return problems }
    var spec = decoded["spec"] ?? [:]
    PodDefaults.apply(to: &spec, minor: PodUID.defaultRelease)
    problems = PodValidation.problems(
      metadata: decoded["metadata"] ?? [:], spec: spec, rules: PodRules(release: nil))
    pod["spec"] = PodSchema.spec.canonical(spec)
    return problems
  }

  /// The problems of an object's name, namespace, labels and annotations.
  package static func problems(
    ofMetadata metadata: JSONValue, isNamespace: Bool
  ) -> [FieldProblem] {
    PodValidation.problems(ofMetadata: metadata, isNamespace: isNamespace)
  }

  /// Reads YAML or JSON as a kubelet does.
  /// - Throws: why the text cannot be read.
  package static func document(
    _ bytes: [UInt8], onRepeated: (_ line: Int, _ key: String) -> Void = { _, _ in }
  ) throws(FieldProblem) -> JSONValue {
    do throws(ManifestText.Unreadable) {
      return try ManifestText.value(of: bytes, onRepeated: onRepeated)
    } catch {
      throw FieldProblem(field: nil, error.reason)
    }
  }
}

extension FieldProblem: Error {}
