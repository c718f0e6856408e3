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
    self.grace = grace + (hasHook ? .seconds(Self.leastGrace) : .zero)
  }

  /// A kubelet appends its node's name to a static pod's.
  func isNamed(_ name: String, in namespace: String) -> Bool {
    namespace == self.namespace && (name == self.name || name.hasPrefix(self.name + "-"))
  }
}
