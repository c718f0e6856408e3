/// A kubelet's view of the pod.
public struct PodObservation: Equatable, Sendable {
  /// Whether any of its containers runs.
  public var isRunning: Bool
  /// The sum over its containers.
  public var restarts: Int

  public init(isRunning: Bool, restarts: Int) {
    self.isRunning = isRunning
    self.restarts = restarts
  }
}
