import KubernetesClient
import KubernetesObjects

/// The API server's pods of this node, as known from its watch, and earlier from its answers to our own
/// requests. The other side is ``KubeletPods``.
struct ServerPods: Equatable, Sendable {
  private let nodeName: String
  private(set) var pods: [PodName: ServerPod] = [:]
  /// Whether the server has listed its pods at least once.
  private(set) var isKnown = false

  init(nodeName: String) {
    self.nodeName = nodeName
  }

  /// Applies a change of the watch.
  mutating func apply(_ change: CollectionChange) {
    switch change {
    case .listed(let objects):
      self.isKnown = true
      self.pods = [:]
      for object in objects { self.put(object) }
    case .present(let object): self.put(object)
    case .deleted(let object):
      guard let pod = ServerPod(object) else { return }
      self.remove(pod.name, uid: pod.uid)
    }
  }

  /// Puts a pod's new state; an older state than the known one is ignored.
  mutating func put(_ object: JSONValue) {
    guard object.nodeName == self.nodeName, let pod = ServerPod(object)
    else { return }
    if let known = self.pods[pod.name], known.uid == pod.uid, let before = Int64(known.version),
      let version = Int64(pod.version), version < before
    {
      return
    }
    self.pods[pod.name] = pod
  }

  /// Replaces the pod of a name, whatever was known; `nil` for no pod.
  mutating func replace(_ name: PodName, with object: JSONValue?) {
    self.pods[name] = nil
    if let object { self.put(object) }
  }

  /// Removes the pod of this name and uid.
  mutating func remove(_ name: PodName, uid: String) {
    if self.pods[name]?.uid == uid { self.pods[name] = nil }
  }
}
