/// How long a pod may run on after its manifest is gone from the kubelet's directory.
///
/// Source: kubelet, `killContainersWithSyncResult` and `minimumGracePeriodInSeconds`.
public struct PodStop: Equatable, Sendable {
  /// Until the kubelet notices, `--kubelet-detection`. With inotify it is well below a second.
  public var detection: Duration
  /// Until the kubelet has killed the pod, by the manifest.
  public var grace: Duration

  public init(detection: Duration = .seconds(1), grace: Duration = Self.defaultGrace) {
    self.detection = detection
    self.grace = grace
  }

  /// What Kubernetes gives a pod whose manifest has no `terminationGracePeriodSeconds`.
  public static let defaultGrace = Duration.seconds(30)

  public var total: Duration { self.detection + self.grace }
}
