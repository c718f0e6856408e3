import KubernetesObjects

/// `…/replicationcontrollers/NAME/scale`: a controller's number of replicas, in the form that all scalable
/// kinds share.
///
/// Source: `k8s.io/api/autoscaling/v1` Scale; `registry/core/replicationcontroller/storage` ScaleREST.
enum Scale {
  static let groupVersionKind: JSONValue = [
    "group": "autoscaling", "version": "v1", "kind": "Scale",
  ]

  /// The scale of a controller.
  static func of(_ controller: JSONValue) -> JSONValue {
    var metadata: JSONValue = [:]
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
      metadata[field] = controller["metadata"]?[field]
    }
    return [
      "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
      "spec": ["replicas": controller["spec"]?["replicas"] ?? 0],
      "status": [
        "replicas": controller["status"]?["replicas"] ?? 0,
        "selector": .string(Self.selector(of: controller)),
      ],
    ]
  }

  /// The controller's selector as text: `app=web,tier=front`.
  static func selector(of controller: JSONValue) -> String {
    (controller["spec"]?["selector"]?.members ?? [:]).sorted { $0.key < $1.key }
      .map { "\($0.key)=\($0.value.string ?? "")" }.joined(separator: ",")
  }

  /// The controller with a scale's number of replicas.
  /// - Throws: 422 when that is no number of replicas.
  static func applied(
    _ scale: JSONValue, to controller: JSONValue
  ) throws(APIFailure) -> JSONValue {
    // A missing number is zero, as in Go.
    let given = scale["spec"]?["replicas"] ?? 0
    guard let replicas = given.integer, replicas >= 0 else {
      throw .invalid(
        .replicationControllers, controller.metadata.name,
        [.invalid("spec.replicas", given, "must be a number greater than or equal to 0")])
    }
    var controller = controller
    controller["spec"]?["replicas"] = .integer(replicas)
    return controller
  }
}
