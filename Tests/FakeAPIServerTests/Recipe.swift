import KubernetesObjects
import TestSupport

/// The recipe's cluster as objects, as two kubelets would have posted them.
enum Recipe {
  static let names = [
    "kube-controller-manager-kube-master1", "kube-scheduler-kube-master2",
    "podmaster-kube-master1", "podmaster-kube-master2",
  ]

  static let pods: [JSONValue] = [
    Self.pod(
      "kube-controller-manager", on: "kube-master1", containers: ["kube-controller-manager"],
      labels: ["tier": "control-plane"]),
    Self.pod(
      "kube-scheduler", on: "kube-master2", containers: ["kube-scheduler"],
      labels: ["tier": "control-plane"]),
    Self.pod(
      "podmaster", on: "kube-master1",
      containers: ["scheduler-elector", "controller-manager-elector"]),
    Self.pod(
      "podmaster", on: "kube-master2",
      containers: ["scheduler-elector", "controller-manager-elector"], restarts: 1),
  ]

  static func pod(
    _ name: String, on node: String, containers: [String], labels: JSONValue = [:],
    restarts: Int64 = 0
  ) -> JSONValue {
    let image: JSONValue =
      name == "podmaster"
      ? "gcr.io/google_containers/podmaster:1.1" : .string("gcr.io/google_containers/\(name):1.1")
    return [
      "apiVersion": "v1", "kind": "Pod",
      "metadata": [
        "name": .string("\(name)-\(node)"), "namespace": "kube-system", "labels": labels,
        "annotations": [
          "kubernetes.io/config.mirror": .string("mirror-of-\(name)-\(node)"),
          "kubernetes.io/config.source": "file",
        ],
      ],
      "spec": [
        "nodeName": .string(node), "hostNetwork": true, "restartPolicy": "Always",
        "containers": .array(containers.map { ["name": .string($0), "image": image] }),
      ],
      "status": [
        "phase": "Running", "hostIP": "127.0.0.1", "podIP": "127.0.0.1",
        "podIPs": [["ip": "127.0.0.1"]], "startTime": "2026-01-02T03:04:05Z",
        "conditions": [["type": "Ready", "status": "True"]],
        "containerStatuses": .array(
          containers.enumerated().map { index, container in
            [
              "name": .string(container), "image": image, "imageID": "", "ready": true,
              "restartCount": .integer(index == 0 ? restarts : 0),
              "state": ["running": ["startedAt": "2026-01-02T03:04:06Z"]],
              "lastState": index == 0 && restarts > 0
                ? [
                  "terminated": [
                    "exitCode": 1, "reason": "Error", "startedAt": "2026-01-02T03:04:05Z",
                    "finishedAt": "2026-01-02T03:04:06Z",
                  ]
                ] : [:],
            ]
          }),
      ],
    ]
  }

  static func node(_ name: String) -> JSONValue {
    [
      "apiVersion": "v1", "kind": "Node",
      "metadata": [
        "name": .string(name), "labels": ["node-role.kubernetes.io/master": ""],
      ],
      "spec": [:],
      "status": [
        "capacity": ["cpu": "2", "memory": "2Gi", "pods": "110"],
        "allocatable": ["cpu": "2", "memory": "2Gi", "pods": "110"],
        "conditions": [
          [
            "type": "Ready", "status": "True", "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
          ]
        ],
        "addresses": [
          ["type": "InternalIP", "address": "127.0.0.1"],
          ["type": "Hostname", "address": .string(name)],
        ],
        "nodeInfo": [
          "kubeletVersion": "v1.32.0", "machineID": "", "systemUUID": "", "bootID": "",
          "kernelVersion": "", "osImage": "Debian", "containerRuntimeVersion": "pretend://1",
          "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64",
        ],
      ],
    ]
  }

  static let event: JSONValue = [
    "apiVersion": "v1", "kind": "Event",
    "metadata": ["name": "podmaster-kube-master1.1", "namespace": "kube-system"],
    "involvedObject": [
      "kind": "Pod", "namespace": "kube-system", "name": "podmaster-kube-master1",
      // A static pod's events have the kubelet's uid, not the mirror's.
      "uid": "mirror-of-podmaster-kube-master1", "fieldPath": "spec.containers{scheduler-elector}",
    ],
    "type": "Normal", "reason": "Started", "message": "Started container scheduler-elector",
    "count": 1, "firstTimestamp": "2026-01-02T03:04:06Z",
    "lastTimestamp": "2026-01-02T03:04:06Z",
    "source": ["component": "kubelet", "host": "kube-master1"],
  ]

  static let lease: JSONValue = [
    "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
    "metadata": ["name": "scheduler", "namespace": "kube-system"],
    "spec": [
      "holderIdentity": "kube-master1", "leaseDurationSeconds": 30, "leaseTransitions": 2,
      "acquireTime": "2026-01-02T03:04:05.000000Z", "renewTime": "2026-01-02T03:04:20.000000Z",
    ],
  ]

  static let controller: JSONValue = [
    "apiVersion": "v1", "kind": "ReplicationController",
    "metadata": ["name": "web", "namespace": "kube-system"],
    "spec": [
      "replicas": 2, "selector": ["app": "web"],
      "template": [
        "metadata": ["labels": ["app": "web"]],
        "spec": ["containers": [["name": "nginx", "image": "nginx:1"]]],
      ],
    ],
  ]
}

/// Requests that kubectl does not make.
extension Caller {
  /// Creates an object, with its status where it has one, as a kubelet does: the object first, then its status.
  func post(_ path: String, _ object: JSONValue) async throws {
    try await self.send("POST", path, object)
    guard let status = object["status"] else { return }
    try await self.patch("\(path)/\(object.metadata.name)/status", ["status": status])
  }

  /// Changes some fields of an object.
  func patch(_ path: String, _ change: JSONValue) async throws {
    try await self.send("PATCH", path, change, type: "application/merge-patch+json")
  }

  func send(
    _ method: String, _ path: String, _ body: JSONValue, type: String = "application/json"
  ) async throws {
    let group = path.hasPrefix("apis/") ? "" : "api/v1/"
    let answer = try await self.call(method, "/\(group)\(path)", body.description, type: type)
    guard (200...299).contains(answer.code) else {
      throw TestFailure("\(method) \(path): \(answer.code) \(answer.body)")
    }
  }
}
