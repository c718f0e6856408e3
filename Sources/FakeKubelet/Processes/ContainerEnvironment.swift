import KubernetesObjects

/// A container's environment variables, as a value.
///
/// Source: `pkg/kubelet/kubelet_pods.go` makeEnvironmentVariables, `third_party/forked/golang/expansion`.
struct ContainerEnvironment: Equatable {
  /// In the order in which they were set; the last value of a name counts.
  private(set) var variables: [(name: String, value: String)] = []

  /// The variables of every container.
  init(hostname: String) {
    self.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    self.set("HOSTNAME", hostname)
    self.set("HOME", "/root")
  }

  static func == (left: Self, right: Self) -> Bool {
    left.variables.elementsEqual(right.variables) { $0 == $1 }
  }

  subscript(name: String) -> String? { self.variables.last { $0.name == name }?.value }

  private mutating func set(_ name: String, _ value: String) {
    self.variables.removeAll { $0.name == name }
    self.variables.append((name, value))
  }

  /// Adds the container's own variables; each may refer to earlier ones.
  /// - Parameter machine: has what a container without a limit may use.
  /// - Returns: the first problem, with the field's path below the container; `nil` for none.
  mutating func add(
    _ container: JSONValue, of pod: PodManifest, nodeAddress: String,
    machine: () -> MachineFacts = { MachineFacts() }
  ) -> String? {
    if let list = container["envFrom"], !list.elements.isEmpty {
      return "envFrom: this node has no ConfigMaps and Secrets"
    }
    for (index, variable) in (container["env"]?.elements ?? []).enumerated() {
      let name = variable["name"]?.string ?? ""
      guard let origin = variable["valueFrom"], origin != .null else {
        self.set(name, self.expand(variable["value"]?.string ?? ""))
        continue
      }
      if let reference = origin["resourceFieldRef"], reference != .null {
        let other = reference["containerName"]?.string ?? ""
        guard
          let meant = other.isEmpty ? container : pod.spec(ofContainer: other),
          let value = ContainerResource.text(reference, of: meant, machine: machine())
        else { return "env[\(index)].valueFrom.resourceFieldRef: unknown container or resource" }
        self.set(name, value)
        continue
      }
      guard let path = origin["fieldRef"]?["fieldPath"]?.string else {
        let kind = origin.members.keys.sorted().first ?? "nothing"
        return
          "env[\(index)].valueFrom.\(kind): this node supports only fieldRef and resourceFieldRef"
      }
      guard let value = Self.field(path, of: pod, nodeAddress: nodeAddress) else {
        return "env[\(index)].valueFrom.fieldRef.fieldPath: unknown field \"\(path)\""
      }
      self.set(name, value)
    }
    return nil
  }

  private static func field(_ path: String, of pod: PodManifest, nodeAddress: String) -> String? {
    switch path {
    case "metadata.name": return pod.name.name
    case "metadata.namespace": return pod.name.namespace
    case "metadata.uid": return pod.uid
    case "spec.nodeName": return pod.spec["nodeName"]?.string ?? ""
    case "spec.serviceAccountName": return pod.spec["serviceAccountName"]?.string ?? ""
    case "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs": return nodeAddress
    default: break
    }
    for map in ["labels", "annotations"] {
      let prefix = "metadata.\(map)['"
      guard path.hasPrefix(prefix), path.hasSuffix("']") else { continue }
      let key = String(path.dropFirst(prefix.count).dropLast(2))
      return pod.metadata[map]?[key]?.string ?? ""
    }
    return nil
  }

  /// Replaces `$(NAME)` by its value and `$$` by a dollar; an unknown name stays as it is.
  func expand(_ text: String) -> String {
    guard text.contains("$") else { return text }
    var result = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
      result += rest[..<dollar]
      rest = rest[rest.index(after: dollar)...]
      if rest.first == "$" {
        result += "$"
        rest = rest.dropFirst()
      } else if rest.first == "(", let end = rest.firstIndex(of: ")") {
        let name = String(rest[rest.index(after: rest.startIndex)..<end])
        result += self[name] ?? "$(\(name))"
        rest = rest[rest.index(after: end)...]
      } else {
        result += "$"
      }
    }
    return result + rest
  }
}
