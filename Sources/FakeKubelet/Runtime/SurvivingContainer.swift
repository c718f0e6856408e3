/// A container of a former kubelet.
public struct SurvivingContainer: Equatable, Sendable {
  /// The pod's uid, and its name, if it is known.
  public let uid: String
  public let pod: PodName?
  /// The container's name.
  public let container: String
  /// 0 for the container's first start.
  public let attempt: Int
  /// Whether it still runs.
  public let isRunning: Bool
  /// The source of its pod.
  public let source: PodManifest.Source

  public init(
    uid: String, container: String, attempt: Int, isRunning: Bool,
    source: PodManifest.Source = .file, pod: PodName? = nil
  ) {
    self.pod = pod
    self.source = source
    self.uid = uid
    self.container = container
    self.attempt = attempt
    self.isRunning = isRunning
  }
}
