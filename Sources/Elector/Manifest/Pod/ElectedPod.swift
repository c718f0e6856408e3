import Yams

/// The pod in a manifest, as far as its end is concerned.
package struct ElectedPod: Equatable, Sendable {
  package var name: String
  package var namespace: String
  /// G: the time within which a kubelet kills it.
  package var grace: Duration

  package init(name: String, namespace: String, grace: Duration) {
    self.name = name
    self.namespace = namespace
    self.grace = grace
  }

  /// A kubelet's shortest grace period, also after a preStop hook.
  private static let leastGrace: Int64 = 2

  /// Reads these fields only; the kubelet validates the rest.
  /// - Returns: `nil` when the manifest is not YAML or has no name.
  init?(manifest: [UInt8]) {
    let text = String(decoding: manifest, as: UTF8.self)
    guard let root = try? Yams.compose(yaml: text), let name = root["metadata"]?["name"]?.string
    else { return nil }
    self.name = name
    self.namespace = root["metadata"]?["namespace"]?.string ?? "default"
    let spec = root["spec"]
    let grace: Duration =
      spec?["terminationGracePeriodSeconds"]?.int.map { .seconds(max(Int64($0), Self.leastGrace)) }
      ?? PodStop.defaultGrace
    let containers = ["containers", "initContainers"].flatMap { spec?[$0]?.array() ?? [] }
    let hasHook = containers.contains { $0["lifecycle"]?["preStop"] != nil }
    // A sidecar waits for the other containers, up to the whole grace, and then gets the least one.
    // Source: kubelet, `killContainer` with a termination ordering.
    let hasSidecar =
      spec?["initContainers"]?.array().contains { $0["restartPolicy"]?.string == "Always" } == true
    self.grace = grace + (hasHook || hasSidecar ? .seconds(Self.leastGrace) : .zero)
  }

  /// Whether a pod of a kubelet is this one. A kubelet appends its node's name, in lower case, to a static pod's.
  /// Source: kubelet, `generatePodName`.
  /// - Parameter node: `nil` when it is unknown; then every name that begins with ours and a hyphen is taken for it, so
  ///   that no pod counts as ended too early.
  func isNamed(_ name: String, in namespace: String, node: String? = nil) -> Bool {
    guard namespace == self.namespace else { return false }
    if name == self.name { return true }
    guard let node else { return name.hasPrefix(self.name + "-") }
    return name == "\(self.name)-\(node.lowercased())"
  }
}
