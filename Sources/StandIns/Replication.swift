import KubernetesObjects

/// What ReplicationControllers want that is not so, as a function of all controllers and all pods.
///
/// A controller's pods are those that name it as their controller; pods that nobody looks after are not taken
/// over. A pod that is over, or is being deleted, does not count. Pods whose controller is gone are deleted.
///
/// Source: `pkg/controller/replication`, `controller_utils.go` (the order in which surplus pods go).
public enum Replication {
  public enum Action: Equatable, Sendable {
    /// So many pods from its template.
    case create(controller: JSONValue, count: Int)
    /// - Parameter controller: `nil` when it is gone.
    case delete(pod: JSONValue, controller: JSONValue?)
    case status(controller: JSONValue, replicas: Int, ready: Int)
  }

  /// How many pods of one controller are made or deleted at once.
  static let burst = 500

  /// - Parameter controllers: as they were after the pods were listed, so that a pod without its controller
  ///   is one whose controller is gone.
  public static func plan(pods: [JSONValue], controllers: [JSONValue]) -> [Action] {
    let owned = Dictionary(grouping: pods.filter { !$0.isMirror }) { $0.controllerUID ?? "" }
    var actions: [Action] = []
    for controller in controllers.sorted(by: { ($0.namespace, $0.name) < ($1.namespace, $1.name) })
    {
      let active = (owned[controller.uid] ?? []).filter { !$0.isOver && !$0.isBeingDeleted }
      let wanted = Int(controller["spec"]?["replicas"]?.integer ?? 1)
      if !controller.isBeingDeleted {
        if active.count < wanted {
          actions.append(
            .create(controller: controller, count: min(wanted - active.count, Self.burst)))
        } else if active.count > wanted {
          let surplus = active.sorted(by: Self.goesFirst).prefix(
            min(active.count - wanted, Self.burst))
          actions += surplus.map { .delete(pod: $0, controller: controller) }
        }
      }
      let ready = active.count { $0.condition("Ready") == "True" }
      let status = controller["status"]
      if status?["replicas"]?.integer ?? -1 != Int64(active.count)
        || status?["readyReplicas"]?.integer ?? 0 != Int64(ready)
      {
        actions.append(.status(controller: controller, replicas: active.count, ready: ready))
      }
    }
    let known = Set(controllers.map(\.uid))
    actions += pods.filter { pod in
      pod.controller?["kind"]?.string == "ReplicationController"
        && !known.contains(pod.controllerUID ?? "") && !pod.isBeingDeleted
    }
    .sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
    .map { .delete(pod: $0, controller: nil) }
    return actions
  }

  /// Pods without a node go first, then those that do not run, then those that are not ready, then the
  /// youngest.
  private static func goesFirst(_ left: JSONValue, _ right: JSONValue) -> Bool {
    func rank(_ pod: JSONValue) -> [Int] {
      [
        pod.nodeName.isEmpty ? 0 : 1, pod.phase == "Running" ? 1 : 0,
        pod.condition("Ready") == "True" ? 1 : 0,
      ]
    }
    let (one, other) = (rank(left), rank(right))
    guard one == other else { return one.lexicographicallyPrecedes(other) }
    return (left.creation, left.name) > (right.creation, right.name)
  }

  /// A pod of a controller's template.
  static func pod(of controller: JSONValue) -> JSONValue {
    let template = controller["spec"]?["template"] ?? [:]
    var metadata: JSONValue = [
      "generateName": .string(controller.name + "-"),
      "namespace": .string(controller.namespace),
      "ownerReferences": [
        [
          "apiVersion": "v1", "kind": "ReplicationController", "name": .string(controller.name),
          "uid": .string(controller.uid), "controller": true, "blockOwnerDeletion": true,
        ]
      ],
    ]
    metadata["labels"] = template["metadata"]?["labels"]
    metadata["annotations"] = template["metadata"]?["annotations"]
    return [
      "kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": template["spec"] ?? [:],
    ]
  }
}
