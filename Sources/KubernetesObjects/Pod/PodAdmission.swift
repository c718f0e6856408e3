/// The rules of an API server for pods: those that a kubelet has for what it reads from a file.
package enum PodAdmission {
  /// Gives a pod the API's defaults.
  /// - Returns: everything that is wrong with it.
  package static func complete(_ pod: inout JSONValue) -> [FieldProblem] {
    var problems: [FieldProblem] = []
    let decoded = PodSchema.pod.decode(pod, at: "", problems: &problems)
    guard problems.isEmpty else { return problems }
    var spec = decoded["spec"] ?? [:]
    PodDefaults.apply(to: &spec, minor: PodUID.defaultRelease)
    problems = PodValidation.problems(
      metadata: decoded["metadata"] ?? [:], spec: spec, allowsPrivileged: true)
    pod["spec"] = spec
    return problems
  }

  /// What is wrong with the name, the namespace, the labels and the annotations of any object.
  package static func problems(
    ofMetadata metadata: JSONValue, isNamespace: Bool
  ) -> [FieldProblem] {
    PodValidation.problems(ofMetadata: metadata, isNamespace: isNamespace)
  }

  /// Reads YAML or JSON as a kubelet does.
  /// - Throws: why it cannot be read.
  package static func document(_ bytes: [UInt8]) throws(FieldProblem) -> JSONValue {
    do throws(ManifestText.Unreadable) {
      return try ManifestText.value(of: bytes)
    } catch {
      throw FieldProblem(field: nil, error.reason)
    }
  }
}

extension FieldProblem: Error {}
