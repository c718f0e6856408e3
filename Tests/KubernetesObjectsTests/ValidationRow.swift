import Testing

@testable import KubernetesObjects

/// A rule of ``PodValidation`` that is broken: where it is written, and what is said about it.
struct ValidationRow: Sendable {
  /// In the container `main`, beside name and image.
  var container = ""
  /// In `spec`.
  var spec = ""
  /// In `metadata`.
  var metadata = ""
  var release: Int?
  var allowsPrivileged = true
  /// Each with the begin of its reason.
  var problems: [String]

  private func found() throws -> [String] {
    let text = """
      metadata: {name: web, namespace: default\(self.metadata.isEmpty ? "" : ", " + self.metadata)}
      spec:
        nodeName: n1
      \(self.spec.isEmpty ? "" : "  " + self.spec)
        containers:
        - name: main
          image: nginx
      \(self.container.isEmpty ? "" : "    " + self.container)
      """
    var problems: [FieldProblem] = []
    let pod = PodSchema.pod.decode(
      try ManifestText.value(of: Array(text.utf8)), at: "", release: self.release,
      problems: &problems)
    #expect(problems.isEmpty, "\(text)")
    var spec = pod["spec"] ?? [:]
    PodDefaults.apply(to: &spec, minor: self.release ?? PodUID.defaultRelease)
    return PodValidation.problems(
      metadata: pod["metadata"] ?? [:], spec: spec,
      rules: PodRules(
        release: self.release, allowsPrivileged: self.allowsPrivileged, isStatic: true)
    ).map(\.description)
  }

  func check() throws {
    let problems = try self.found()
    #expect(problems.count == self.problems.count, "\(self): \(problems)")
    for (problem, expected) in zip(problems, self.problems) {
      #expect(problem.hasPrefix(expected), "\(self): \(problem)")
    }
  }
}
