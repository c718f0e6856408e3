/// The API's defaults for a pod, without those for resources of the pod as a whole.
///
/// Source: `pkg/apis/core/v1/defaults.go`, `zz_generated.defaults.go`, 1.36.
package enum PodDefaults {
  /// - Parameter minor: the kubelet's release, as the minor version of 1.x.
  package static func apply(to spec: inout JSONValue, minor: Int) {
    spec.setDefaultText("restartPolicy", "Always")
    spec.setDefault("terminationGracePeriodSeconds", 30)
    if minor >= Self.firstWithoutNegativeGrace { Self.correctGracePeriod(of: &spec) }
    spec.setDefaultText("dnsPolicy", "ClusterFirst")
    spec.setDefaultText("schedulerName", "default-scheduler")
    spec.setDefault("securityContext", [:])
    spec.setDefault("enableServiceLinks", true)
    if let name = spec["serviceAccount"]?.string { spec.setDefaultText("serviceAccountName", name) }
    spec["serviceAccount"] = spec["serviceAccountName"]
    let usesHostNetwork = spec["hostNetwork"]?.boolean == true
    for list in ["containers", "initContainers"] {
      spec.updateElements(list) { container in
        Self.apply(toContainer: &container, usesHostNetwork: usesHostNetwork)
      }
    }
    spec.updateElements("volumes") { Self.apply(toVolume: &$0, minor: minor) }
  }

  /// Replaces a negative grace period by one second.
  package static func correctGracePeriod(of spec: inout JSONValue) {
    if let seconds = spec["terminationGracePeriodSeconds"]?.integer, seconds < 0 {
      spec["terminationGracePeriodSeconds"] = 1
    }
  }

  /// Up to 1.26 a negative grace period stays in the pod, and so in its uid.
  private static let firstWithoutNegativeGrace = 27

  private static func apply(toContainer container: inout JSONValue, usesHostNetwork: Bool) {
    container.setDefaultText("terminationMessagePath", "/dev/termination-log")
    container.setDefaultText("terminationMessagePolicy", "File")
    container.setDefault("resources", [:])
    if let limits = container["resources"]?["limits"] {
      container["resources"]?.setDefault("requests", [:])
      for (name, limit) in limits.members {
        container["resources"]?["requests"]?.setDefault(name, limit)
      }
    }
    container.setDefaultText(
      "imagePullPolicy", Self.pullPolicy(ofImage: container["image"]?.string ?? ""))
    container.updateElements("ports") { port in
      port.setDefaultText("protocol", "TCP")
      if usesHostNetwork, let number = port["containerPort"] {
        port.setDefaultNumber("hostPort", number)
      }
    }
    container.updateElements("env") { variable in
      variable["valueFrom"]?["fieldRef"]?.setDefaultText("apiVersion", "v1")
      variable["valueFrom"]?["fileKeyRef"]?.setDefault("optional", false)
    }
    for hook in ["preStop", "postStart"] {
      container["lifecycle"]?[hook]?["httpGet"]?.setDefaultText("path", "/")
      container["lifecycle"]?[hook]?["httpGet"]?.setDefaultText("scheme", "HTTP")
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
      container[probe]?["httpGet"]?.setDefaultText("path", "/")
      container[probe]?["httpGet"]?.setDefaultText("scheme", "HTTP")
      container[probe]?["grpc"]?.setDefault("service", "")
      for (field, value) in Self.probe { container[probe]?.setDefaultNumber(field, value) }
    }
  }

  private static let probe: [String: JSONValue] = [
    "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
  ]

  private static func apply(toVolume volume: inout JSONValue, minor: Int) {
    if !PodSchema.volumeKinds.contains(where: { volume[$0] != nil }) {
      volume["emptyDir"] = [:]
    }
    volume["hostPath"]?.setDefault("type", "")
    for kind in ["secret", "configMap", "downwardAPI", "projected"] {
      volume[kind]?.setDefault("defaultMode", 0o644)
    }
    volume["downwardAPI"]?.updateElements("items", Self.apply(toDownwardFile:))
    volume["projected"]?.updateElements("sources") { projection in
      projection["downwardAPI"]?.updateElements("items", Self.apply(toDownwardFile:))
      projection["serviceAccountToken"]?.setDefault("expirationSeconds", 3600)
    }
    volume["iscsi"]?.setDefaultText("iscsiInterface", "default")
    volume["rbd"]?.setDefaultText("pool", "rbd")
    volume["rbd"]?.setDefaultText("user", "admin")
    volume["rbd"]?.setDefaultText("keyring", "/etc/ceph/keyring")
    volume["azureDisk"]?.setDefault("cachingMode", "ReadWrite")
    volume["azureDisk"]?.setDefault("fsType", "ext4")
    volume["azureDisk"]?.setDefault("readOnly", false)
    volume["azureDisk"]?.setDefault("kind", "Shared")
    volume["scaleIO"]?.setDefaultText("storageMode", "ThinProvisioned")
    volume["scaleIO"]?.setDefaultText("fsType", "xfs")
    volume["ephemeral"]?["volumeClaimTemplate"]?.setDefault("spec", [:])
    volume["ephemeral"]?["volumeClaimTemplate"]?["spec"]?.setDefault("volumeMode", "Filesystem")
    if minor >= Self.firstWithImageVolumes, let image = volume["image"]?["reference"]?.string {
      volume["image"]?.setDefaultText("pullPolicy", Self.pullPolicy(ofImage: image))
    }
  }

  /// From 1.35 on the feature is on by default.
  private static let firstWithImageVolumes = 35

  private static func apply(toDownwardFile file: inout JSONValue) {
    file["fieldRef"]?.setDefaultText("apiVersion", "v1")
  }

  /// `Always` for an image whose content may change: the tag `latest`, or neither tag nor digest.
  private static func pullPolicy(ofImage image: String) -> String {
    guard !image.contains("@") else { return "IfNotPresent" }
    let name = image.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    let parts = name.split(separator: ":", maxSplits: 1)
    return parts.count < 2 || parts[1] == "latest" ? "Always" : "IfNotPresent"
  }
}

extension JSONValue {
  /// Sets a text that is absent or empty: a Go field that is no pointer does not distinguish these.
  fileprivate mutating func setDefaultText(_ key: String, _ text: String) {
    if (self[key]?.string ?? "").isEmpty { self[key] = .string(text) }
  }

  /// Sets a number that is absent or zero: a Go field that is no pointer does not distinguish these.
  fileprivate mutating func setDefaultNumber(_ key: String, _ number: JSONValue) {
    if (self[key]?.integer ?? 0) == 0 { self[key] = number }
  }

  /// Changes every element of a list, if there is such a list.
  package mutating func updateElements(_ key: String, _ change: (inout JSONValue) -> Void) {
    guard case .array(var elements)? = self[key] else { return }
    for index in elements.indices { change(&elements[index]) }
    self[key] = .array(elements)
  }
}
