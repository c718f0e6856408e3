import KubernetesObjects

/// Objects of the API server, with the fields that matter here.
enum Objects {
  static func node(
    _ name: String, ready: String? = "True", heartbeat: String = "1", cordoned: Bool = false,
    labels: JSONValue = [:]
  ) -> JSONValue {
    var conditions: [JSONValue] = [
      ["type": "DiskPressure", "status": "False", "lastHeartbeatTime": .string(heartbeat)]
    ]
    if let ready {
      conditions.append([
        "type": "Ready", "status": .string(ready), "lastHeartbeatTime": .string(heartbeat),
      ])
    }
    return [
      "metadata": ["name": .string(name), "uid": .string("uid-" + name), "labels": labels],
      "spec": ["unschedulable": .boolean(cordoned)],
      "status": ["conditions": .array(conditions)],
    ]
  }

  static func pod(
    _ name: String, node: String? = nil, owner: String? = nil, phase: String = "Pending",
    ready: Bool = false, created: String = "2026-01-01T00:00:00Z", deleted: Bool = false,
    mirror: Bool = false, spec: JSONValue = [:]
  ) -> JSONValue {
    var metadata: JSONValue = [
      "name": .string(name), "namespace": "default", "uid": .string("uid-" + name),
      "creationTimestamp": .string(created),
    ]
    if let owner {
      metadata["ownerReferences"] = [
        ["kind": "ReplicationController", "uid": .string("uid-" + owner), "controller": true]
      ]
    }
    if deleted { metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z" }
    if mirror { metadata["annotations"] = ["kubernetes.io/config.mirror": "0123"] }
    var spec = spec
    spec["nodeName"] = node.map { .string($0) }
    return [
      "metadata": metadata, "spec": spec,
      "status": [
        "phase": .string(phase),
        "conditions": [["type": "Ready", "status": ready ? "True" : "False"]],
      ],
    ]
  }

  static func controller(
    _ name: String, replicas: Int64, status: (Int64, Int64)? = nil
  ) -> JSONValue {
    var controller: JSONValue = [
      "kind": "ReplicationController", "apiVersion": "v1",
      "metadata": [
        "name": .string(name), "namespace": "default", "uid": .string("uid-" + name),
      ],
      "spec": [
        "replicas": .integer(replicas),
        "template": [
          "metadata": ["labels": ["app": "web"]],
          "spec": ["containers": [["name": "main", "image": "nginx:1"]]],
        ],
      ],
    ]
    if let status {
      controller["status"] = [
        "replicas": .integer(status.0), "readyReplicas": .integer(status.1),
      ]
    }
    return controller
  }
}
