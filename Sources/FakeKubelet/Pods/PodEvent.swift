/// What the kubelet tells the world about a pod: a v1 Event, if there were an API server to take it.
public struct PodEvent: Equatable, Sendable {
  public enum Severity: String, Equatable, Sendable {
    case normal = "Normal"
    case warning = "Warning"
  }

  public let severity: Severity
  /// One word for programs, such as `DeadlineExceeded`.
  public let reason: String
  /// A sentence for people.
  public let message: String
}
