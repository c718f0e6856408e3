import KubernetesObjects

/// A static pod, as its mirror has to show it.
struct StaticPod: Equatable, Sendable {
  var manifest: PodManifest
  /// When it was first seen, with nine digits.
  var seen: String
}

/// Which mirror pods are to be made and which are to go: a function of what runs and of what the API server
/// has.
///
/// - A mirror that is being deleted, or that belongs to another content of the manifest, goes at once and is
///   made anew; the containers are not concerned.
/// - A mirror whose manifest is gone stays until the pod's containers have ended.
/// - A pod of that name that is no mirror is somebody else's, and is left alone.
///
/// Source: `pkg/kubelet/pod/mirror_client.go`, `kubelet.go` tryReconcileMirrorPods, `kubelet_pods.go`
/// HandlePodCleanups; 1.32.
enum MirrorPods {
  struct Findings: Equatable, Sendable {
    /// In the order of the names.
    var requests: [PodRequest] = []
    /// Static pods whose place is taken by a pod that is no mirror; in the order of the names.
    var taken: [PodName] = []
  }

  /// - Parameters:
  ///   - isRunning: whether containers of that name have not ended yet.
  ///   - owner: the Node object's uid; `nil` when there is no such object, nor will be.
  static func findings(
    for pods: [PodName: StaticPod], isRunning: (PodName) -> Bool, on server: ServerPods,
    node: String, owner: String?
  ) -> Findings {
    var findings = Findings()
    guard server.isKnown else { return findings }
    for (name, pod) in pods.sorted(by: { $0.key < $1.key }) {
      guard let found = server.pods[name] else {
        findings.requests.append(.create(name, Self.object(pod, node: node, owner: owner)))
        continue
      }
      guard let hash = found.mirrorHash else {
        findings.taken.append(name)
        continue
      }
      if hash != pod.manifest.uid || found.deletion != nil {
        findings.requests.append(.delete(name, uid: found.uid))
      }
    }
    for (name, found) in server.pods.sorted(by: { $0.key < $1.key })
    where found.mirrorHash != nil && pods[name] == nil && !isRunning(name) {
      findings.requests.append(.delete(name, uid: found.uid))
    }
    return findings
  }

  /// The mirror as it is created; the server gives it a uid of its own.
  private static func object(_ pod: StaticPod, node: String, owner: String?) -> JSONValue {
    var metadata = pod.manifest.metadata
    for field in ["uid", "creationTimestamp", "resourceVersion", "generation", "generateName"] {
      metadata[field] = nil
    }
    metadata["annotations"]?[ServerPod.mirrorAnnotation] = .string(pod.manifest.uid)
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
