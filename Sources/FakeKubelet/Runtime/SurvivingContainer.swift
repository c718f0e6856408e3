/// A container of a former kubelet.
public struct SurvivingContainer: Equatable, Sendable {
  /// The pod's uid.
  public let uid: String
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
    source: PodManifest.Source = .file
  ) {
    self.source = source
    self.uid = uid
    self.container = container
    self.attempt = attempt
    self.isRunning = isRunning
  }
}
