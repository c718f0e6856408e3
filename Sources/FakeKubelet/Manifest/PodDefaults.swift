/// The API's defaults for a pod: what a manifest may leave out.
///
/// Source: `pkg/apis/core/v1/defaults.go`, 1.32. Left out are those that static pods do not show:
/// projected volumes, downward API, requests copied from limits.
enum PodDefaults {
  static func apply(to spec: inout JSONValue) {
    spec.setDefault("restartPolicy", "Always")
    spec.setDefault("terminationGracePeriodSeconds", 30)
    if let seconds = spec["terminationGracePeriodSeconds"]?.integer, seconds < 0 {
      spec["terminationGracePeriodSeconds"] = 1
    }
    spec.setDefault("dnsPolicy", "ClusterFirst")
    spec.setDefault("schedulerName", "default-scheduler")
    spec.setDefault("securityContext", [:])
    spec.setDefault("enableServiceLinks", true)
    let usesHostNetwork = spec["hostNetwork"]?.boolean == true
    for list in ["containers", "initContainers"] {
      spec.updateElements(list) { container in
        Self.apply(toContainer: &container, usesHostNetwork: usesHostNetwork)
      }
    }
    spec.updateElements("volumes") { volume in
      if !PodSchema.volumeSources.contains(where: { volume[$0] != nil }) {
        volume["emptyDir"] = [:]
      }
      volume["hostPath"]?.setDefault("type", "")
    }
  }

  private static func apply(toContainer container: inout JSONValue, usesHostNetwork: Bool) {
    container.setDefault("terminationMessagePath", "/dev/termination-log")
    container.setDefault("terminationMessagePolicy", "File")
    container.setDefault("resources", [:])
    let image = container["image"]?.string ?? ""
    container.setDefault(
      "imagePullPolicy", .string(Self.isLatest(image) ? "Always" : "IfNotPresent"))
    container.updateElements("ports") { port in
      port.setDefault("protocol", "TCP")
      if usesHostNetwork, let number = port["containerPort"] { port.setDefault("hostPort", number) }
    }
    for hook in ["preStop", "postStart"] {
      container["lifecycle"]?[hook]?["httpGet"]?.setDefault("path", "/")
      container["lifecycle"]?[hook]?["httpGet"]?.setDefault("scheme", "HTTP")
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
      container[probe]?["httpGet"]?.setDefault("path", "/")
      container[probe]?["httpGet"]?.setDefault("scheme", "HTTP")
      for (field, value) in Self.probe {
        // Zero is what Go has for a number that is not given.
        if (container[probe]?[field]?.integer ?? 0) == 0 {
          container[probe]?[field] = value
        }
      }
    }
  }

  private static let probe: [String: JSONValue] = [
    "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
  ]

  /// Whether an image's tag is `latest`, or there is neither tag nor digest.
  private static func isLatest(_ image: String) -> Bool {
    guard !image.contains("@") else { return false }
    let name = image.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    let parts = name.split(separator: ":", maxSplits: 1)
    return parts.count < 2 || parts[1] == "latest"
  }
}

extension JSONValue {
  /// Changes every element of a list, if the list is there.
  fileprivate mutating func updateElements(_ key: String, _ change: (inout JSONValue) -> Void) {
    guard case .array(var elements)? = self[key] else { return }
    for index in elements.indices { change(&elements[index]) }
    self[key] = .array(elements)
  }
}
