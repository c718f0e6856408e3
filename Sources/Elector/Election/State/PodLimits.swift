/// What is asked of the elected pod, so that a process that holds the lock also does the work.
public struct PodLimits: Equatable, Sendable {
  /// How long the kubelet may not run the pod, `--start-deadline`.
  public var startDeadline: Duration?
  /// How often its containers may be restarted in one term, `--max-restarts`.
  public var maxRestarts: Int?

  public init(startDeadline: Duration? = nil, maxRestarts: Int? = nil) {
    self.startDeadline = startDeadline
    self.maxRestarts = maxRestarts
  }

  var areNone: Bool { self.startDeadline == nil && self.maxRestarts == nil }
}
