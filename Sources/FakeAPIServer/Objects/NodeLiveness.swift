import KubernetesObjects

/// Shows a node as Unknown when its kubelet has been silent for too long.
///
/// The rule applies when a node is read and writes nothing: several servers cannot disagree, and a node that
/// reports again needs no correction. A real cluster's node controller writes the same into the node after
/// `--node-monitor-grace-period`.
/// Source: `pkg/controller/nodelifecycle/node_lifecycle_controller.go`.
enum NodeLiveness {
  /// - Parameters:
  ///   - lastSign: the last renewal of the Lease or the heartbeat, in seconds since 1970; a node without
  ///     any is shown as it is.
  ///   - gracePeriod: in seconds.
  static func shown(
    _ node: JSONValue, lastSign: Int64?, now: Int64, gracePeriod: Int64, since time: String
  ) -> JSONValue {
    guard let lastSign, now - lastSign > gracePeriod else { return node }
    var shown = node
    shown["status"]?["conditions"] = SilentNode.conditions(of: node, since: time)
    return shown
  }

  /// The time of the last heartbeat in the node's status.
  static func heartbeat(_ node: JSONValue) -> String? {
    node.condition("Ready")?["lastHeartbeatTime"]?.string
  }
}
