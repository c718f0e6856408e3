import KubernetesObjects

/// A static pod for its mirror.
struct StaticPod: Equatable, Sendable {
  var manifest: PodManifest
  /// When it was first seen: RFC 3339 with nine digits.
  var seen: String
}

/// Decides which mirror pods are created and deleted: a function of the running pods and the API server's.
///
/// - A mirror that is being deleted, or that belongs to another version of the manifest, is deleted at once
///   and created anew; the containers keep running.
/// - A mirror whose manifest is gone stays until the pod's containers have ended.
/// - A pod of the mirror's name that is no mirror belongs to another user and is left alone.
///
/// Source: `pkg/kubelet/pod/mirror_client.go`, `kubelet.go` tryReconcileMirrorPods, `kubelet_pods.go`
/// HandlePodCleanups; 1.32.
enum MirrorPods {
  struct Plan: Equatable, Sendable {
    /// In the order of the names.
    var requests: [PodRequest] = []
    /// Static pods whose mirror's name belongs to a pod that is no mirror; in the order of the names.
    var occupied: [PodName] = []
  }

  /// - Parameters:
  ///   - isRunning: whether the pod of a name has containers that have not ended.
  ///   - owner: the Node object's uid; `nil` when the node is not registered.
  static func plan(
    for pods: [PodName: StaticPod], isRunning: (PodName) -> Bool, on server: ServerPods,
    node: String, owner: String?
  ) -> Plan {
    var plan = Plan()
    guard server.isKnown else { return plan }
    for (name, pod) in pods.sorted(by: { $0.key < $1.key }) {
      guard let found = server.pods[name] else {
        plan.requests.append(.create(name, Self.object(pod, node: node, owner: owner)))
        continue
      }
      guard let hash = found.mirrorHash else {
        plan.occupied.append(name)
        continue
      }
      if hash != pod.manifest.uid || found.deletion != nil {
        plan.requests.append(.delete(name, uid: found.uid))
      }
    }
    for (name, found) in server.pods.sorted(by: { $0.key < $1.key })
    where found.mirrorHash != nil && pods[name] == nil && !isRunning(name) {
      plan.requests.append(.delete(name, uid: found.uid))
    }
    return plan
  }

  /// A new mirror; the server gives it a uid of its own.
  private static func object(_ pod: StaticPod, node: String, owner: String?) -> JSONValue {
    var metadata = pod.manifest.metadata
    for field in ["uid", "creationTimestamp", "resourceVersion", "generation", "generateName"] {
      metadata[field] = nil
    }
    metadata["annotations"]?[JSONValue.mirrorAnnotation] = .string(pod.manifest.uid)
    metadata["annotations"]?["kubernetes.io/config.seen"] = .string(pod.seen)
    if let owner {
      metadata["ownerReferences"] = [
        [
          "apiVersion": "v1", "kind": "Node", "name": .string(node), "uid": .string(owner),
          "controller": true,
        ]
      ]
    }
    return ["kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": pod.manifest.spec]
  }
}
