import KubernetesObjects

/// Whether a node that says it is ready has said so lately. A rule for reading: nobody writes it, so that several
/// servers cannot disagree, and a node that comes back needs nobody to take anything back.
///
/// The real cluster's node controller writes the same into the node, after `--node-monitor-grace-period`.
/// Source: `pkg/controller/nodelifecycle/node_lifecycle_controller.go`.
enum NodeLiveness {
  /// - Parameters:
  ///   - lastSign: when the node renewed its Lease or its heartbeat last, in seconds since 1970; `nil` when it
  ///     never did: then nothing is said against it.
  ///   - gracePeriod: in seconds.
  static func shown(
    _ node: JSONValue, lastSign: Int64?, now: Int64, gracePeriod: Int64, since time: String
  ) -> JSONValue {
    guard let lastSign, now - lastSign > gracePeriod else { return node }
    var shown = node
    shown["status"]?["conditions"] = SilentNode.conditions(of: node, since: time)
    return shown
  }

  /// When a node's own status says that it was last well.
  static func heartbeat(_ node: JSONValue) -> String? {
    (node["status"]?["conditions"]?.elements ?? []).first { $0["type"] == "Ready" }?[
      "lastHeartbeatTime"]?.string
  }
}
