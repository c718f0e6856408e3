import KubernetesObjects

/// Compares ReplicationControllers with their pods: a function of all controllers and all pods.
///
/// A controller's pods are those that name it as their controller; pods without a controller are not
/// adopted. Pods that have ended or are being deleted do not count. Pods whose controller is gone are
/// deleted.
///
/// Source: `pkg/controller/replication`, `controller_utils.go` (the order in which surplus pods go).
enum Replication {
  enum Action: Equatable, Sendable {
    /// Creates pods from the controller's template.
    case create(controller: JSONValue, count: Int)
    /// - Parameter controller: `nil` when it is gone.
    case delete(pod: JSONValue, controller: JSONValue?)
    case status(controller: JSONValue, replicas: Int, ready: Int)
  }

  /// The most pods of one controller that are created or deleted at once.
  static let burst = 500

  /// - Parameter controllers: listed after the pods, so that a pod without its controller is one whose
  ///   controller is gone.
  static func plan(pods: [JSONValue], controllers: [JSONValue]) -> [Action] {
    let owned = Dictionary(grouping: pods.filter { !$0.isMirror }, by: \.controllerUID)
    var actions: [Action] = []
    for controller in controllers.sorted(by: Self.byName) {
      let active = (owned[controller.metadata.uid] ?? []).filter {
        !$0.hasEnded && !$0.metadata.isBeingDeleted
      }
      let wanted = Int(controller["spec"]?["replicas"]?.integer ?? 1)
      if !controller.metadata.isBeingDeleted {
        if active.count < wanted {
          actions.append(
            .create(controller: controller, count: min(wanted - active.count, Self.burst)))
        } else if active.count > wanted {
          let surplus = active.sorted(by: Self.goesFirst).prefix(
            min(active.count - wanted, Self.burst))
          actions += surplus.map { .delete(pod: $0, controller: controller) }
        }
      }
      let ready = active.count(where: \.isReady)
      let status = controller["status"]
      if status?["replicas"]?.integer ?? -1 != Int64(active.count)
        || status?["readyReplicas"]?.integer ?? 0 != Int64(ready)
      {
        actions.append(.status(controller: controller, replicas: active.count, ready: ready))
      }
    }
    let known = Set(controllers.map(\.metadata.uid))
    actions += pods.filter { pod in
      pod.metadata.controller?["kind"]?.string == "ReplicationController"
        && !known.contains(pod.controllerUID) && !pod.metadata.isBeingDeleted
    }
    .sorted(by: Self.byName)
    .map { .delete(pod: $0, controller: nil) }
    return actions
  }

  /// The order of namespaces, then of names.
  static func byName(_ left: JSONValue, _ right: JSONValue) -> Bool {
    (left.metadata.namespace, left.metadata.name) < (right.metadata.namespace, right.metadata.name)
  }

  /// Pods without a node go first, then those that do not run, then those that are not ready, then the
  /// youngest.
  private static func goesFirst(_ left: JSONValue, _ right: JSONValue) -> Bool {
    func rank(_ pod: JSONValue) -> [Int] {
      [pod.nodeName.isEmpty ? 0 : 1, pod.phase == "Running" ? 1 : 0, pod.isReady ? 1 : 0]
    }
    let (one, other) = (rank(left), rank(right))
    guard one == other else { return one.lexicographicallyPrecedes(other) }
    return (left.metadata.creationTimestamp, left.metadata.name)
      > (right.metadata.creationTimestamp, right.metadata.name)
  }

  /// A pod of a controller's template.
  static func pod(of controller: JSONValue) -> JSONValue {
    let template = controller["spec"]?["template"] ?? [:]
    let owner = controller.metadata
    var metadata: JSONValue = [
      "generateName": .string(owner.name + "-"), "namespace": .string(owner.namespace),
      "ownerReferences": [
        [
          "apiVersion": "v1", "kind": "ReplicationController", "name": .string(owner.name),
          "uid": .string(owner.uid), "controller": true, "blockOwnerDeletion": true,
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

extension JSONValue {
  /// The uid of the object's controller; empty for none.
  fileprivate var controllerUID: String { self.metadata.controller?["uid"]?.string ?? "" }

  var isReady: Bool { self.conditionStatus("Ready") == "True" }
}
