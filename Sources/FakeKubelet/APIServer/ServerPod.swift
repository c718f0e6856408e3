import KubernetesObjects

/// A pod of the API server.
struct ServerPod: Equatable, Sendable {
  let name: PodName
  let uid: String
  let version: String
  /// The uid of the static pod that it mirrors; `nil` for a pod that is no mirror.
  let mirrorHash: String?
  /// The grace period; `nil` unless the pod is being deleted.
  let deletion: Duration?
  /// Whether it has failed or succeeded, which is final.
  let isTerminal: Bool
  private(set) var object: JSONValue

  /// `nil` for an object without a name or uid.
  init?(_ object: JSONValue) {
    let metadata = object.metadata
    guard !metadata.name.isEmpty, !metadata.uid.isEmpty else { return nil }
    let namespace = metadata.namespace.isEmpty ? "default" : metadata.namespace
    self.name = PodName(namespace: namespace, name: metadata.name)
    self.uid = metadata.uid
    self.version = metadata.resourceVersion
    self.mirrorHash = metadata.annotations[JSONValue.mirrorAnnotation]?.string
    self.deletion =
      metadata.isBeingDeleted
      ? .seconds(object["metadata"]?["deletionGracePeriodSeconds"]?.integer ?? 30) : nil
    self.isTerminal = object.hasEnded
    self.object = object
  }

  /// Replaces the kubelet's part of the status; fields of other programs stay.
  mutating func set(status: JSONValue) {
    self.object["status"] = StatusReports.merged(self.object["status"] ?? [:], status)
  }
}
