/// A node whose kubelet says nothing.
///
/// Source: `pkg/controller/nodelifecycle/node_lifecycle_controller.go`.
package enum SilentNode {
  /// The conditions that are its kubelet's to tell; others' stay as they are.
  private static let types: Set<String> = [
    "Ready", "MemoryPressure", "DiskPressure", "PIDPressure",
  ]

  /// The node's conditions, of which nothing is known any more.
  /// - Parameter time: since when; what was not known before has its own time.
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
