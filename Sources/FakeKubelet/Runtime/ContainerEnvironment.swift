import KubernetesObjects

/// A container's environment and command line, as a value.
///
/// Source: `pkg/kubelet/kubelet_pods.go` makeEnvironmentVariables, `third_party/forked/golang/expansion`.
struct ContainerEnvironment: Equatable {
  /// In the order in which they were set; the last of a name counts.
  private(set) var variables: [(name: String, value: String)] = []

  /// What every container has.
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

  /// Takes in the container's own variables, one after the other; a later one may refer to an earlier one.
  /// - Returns: what is wrong, with the field's path below the container; `nil` when nothing is.
  mutating func take(_ container: JSONValue, of pod: PodManifest, nodeAddress: String) -> String? {
    if let sources = container["envFrom"], !sources.elements.isEmpty {
      return "envFrom: there is no API server to take ConfigMaps and Secrets from"
    }
    for (index, variable) in (container["env"]?.elements ?? []).enumerated() {
      let name = variable["name"]?.string ?? ""
      guard let source = variable["valueFrom"], source != .null else {
        self.set(name, self.expand(variable["value"]?.string ?? ""))
        continue
      }
      guard let path = source["fieldRef"]?["fieldPath"]?.string else {
        let kind = source.members.keys.sorted().first ?? "nothing"
        return "env[\(index)].valueFrom.\(kind): only fieldRef has a source on this node"
      }
      guard let value = Self.field(path, of: pod, nodeAddress: nodeAddress) else {
        return "env[\(index)].valueFrom.fieldRef.fieldPath: \"\(path)\" is not known"
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

  /// Puts in what `$(NAME)` stands for; `$$` is a dollar, and an unknown name stays as it is.
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
