import KubernetesObjects

/// The fields of a manifest that no runtime here enforces; the log names them once.
enum UnenforcedFields {
  /// Of a container's security context. The root is always read-only, and no program gains privileges.
  private static let enforced: Set<String> = [
    "capabilities", "privileged", "readOnlyRootFilesystem",
  ]

  private static let ofPods = [
    "securityContext", "hostPID", "shareProcessNamespace", "dnsConfig", "hostAliases",
    "runtimeClassName", "setHostnameAsFQDN",
  ]

  static func list(of pod: PodManifest) -> [String] {
    var fields: [String] = []
    func isSet(_ value: JSONValue?) -> Bool {
      switch value {
      case nil, .null, .object([:]), .array([]), .boolean(false), .string(""): false
      default: true
      }
    }
    if pod.spec["hostNetwork"]?.boolean != true { fields.append("spec.hostNetwork=false") }
    for field in Self.ofPods where isSet(pod.spec[field]) { fields.append("spec.\(field)") }
    if pod.spec["hostUsers"] == false { fields.append("spec.hostUsers=false") }
    for (index, volume) in (pod.spec["volumes"]?.elements ?? []).enumerated() {
      for field in ["medium", "sizeLimit"] where isSet(volume["emptyDir"]?[field]) {
        fields.append("spec.volumes[\(index)].emptyDir.\(field)")
      }
    }
    for list in ["initContainers", "containers"] {
      for (index, container) in (pod.spec[list]?.elements ?? []).enumerated() {
        for (place, mount) in (container["volumeMounts"]?.elements ?? []).enumerated()
        where isSet(mount["mountPropagation"]) && mount["mountPropagation"] != "None" {
          fields.append("spec.\(list)[\(index)].volumeMounts[\(place)].mountPropagation")
        }
        for field in ["resources", "stdin", "tty", "volumeDevices"] where isSet(container[field]) {
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
