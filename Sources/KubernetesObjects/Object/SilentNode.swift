/// The conditions of a node whose kubelet has stopped reporting.
///
/// Source: `pkg/controller/nodelifecycle/node_lifecycle_controller.go`.
package enum SilentNode {
  /// The conditions that the kubelet reports; those of other programs stay as they are.
  private static let types: Set<String> = [
    "Ready", "MemoryPressure", "DiskPressure", "PIDPressure",
  ]

  /// The node's conditions, with the kubelet's set to `Unknown`.
  /// - Parameter time: RFC 3339, since when; a condition that was unknown before keeps its own time.
  package static func conditions(of node: JSONValue, since time: String) -> JSONValue {
    .array(
      (node["status"]?["conditions"]?.elements ?? []).map { condition in
        guard self.types.contains(condition["type"]?.string ?? ""),
          condition["status"] != "Unknown"
        else { return condition }
        var condition = condition
        condition["status"] = "Unknown"
        condition["reason"] = "NodeStatusUnknown"
        condition["message"] = "Kubelet stopped posting node status."
        condition["lastTransitionTime"] = .string(time)
        return condition
      })
  }
}
