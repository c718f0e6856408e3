import KubernetesObjects

/// The fields of a manifest that no runtime here enforces; the log names them once.
enum UnenforcedFields {
  /// Of a container's security context. The root is always read-only, and no program gains privileges.
  private static let enforced: Set<String> = [
    "capabilities", "privileged", "readOnlyRootFilesystem",
  ]

  static func list(of pod: PodManifest) -> [String] {
    var fields: [String] = []
    func isSet(_ value: JSONValue?) -> Bool {
      switch value {
      case nil, .null, .object([:]), .array([]), .boolean(false): false
      default: true
      }
    }
    if pod.spec["hostNetwork"]?.boolean != true { fields.append("spec.hostNetwork=false") }
    if isSet(pod.spec["hostPID"]) { fields.append("spec.hostPID") }
    if isSet(pod.spec["securityContext"]) { fields.append("spec.securityContext") }
    for list in ["initContainers", "containers"] {
      for (index, container) in (pod.spec[list]?.elements ?? []).enumerated() {
        for field in ["resources", "volumeDevices"] where isSet(container[field]) {
          fields.append("spec.\(list)[\(index)].\(field)")
        }
        let context = container["securityContext"] ?? .null
        for field in context.members.keys.sorted()
        where isSet(context[field]) && !Self.enforced.contains(field) {
          fields.append("spec.\(list)[\(index)].securityContext.\(field)")
        }
        if container["imagePullPolicy"] == "Always" {
          fields.append("spec.\(list)[\(index)].imagePullPolicy")
        }
        for probe in Probe.Kind.allCases where isSet(container[probe.field]?["grpc"]) {
          fields.append("spec.\(list)[\(index)].\(probe.field).grpc")
        }
      }
    }
    return fields
  }
}
