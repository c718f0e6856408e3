import KubernetesObjects

/// The kubelet's pods at one moment; the other side is ``ServerPods``.
struct KubeletPods: Sendable {
  var workers: PodWorkers
  var sources: PodSources
  var clock: WallClock
  /// The runtime's name.
  var runtime: String
  /// The node's address.
  var address: String

  /// `status` of a pod, as in `/pods`.
  func status(of name: PodName) -> JSONValue? {
    self.workers.podListItem(
      name, clock: self.clock, runtime: self.runtime, address: self.address)?["status"]
  }
}
