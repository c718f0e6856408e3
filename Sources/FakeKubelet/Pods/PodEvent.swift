/// What the kubelet tells the world about a pod: a v1 Event, if there is an API server to take it.
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
  /// Which container it is about; `nil` for the pod as a whole.
  public var container: String?

  /// The same about a container.
  func about(_ container: String) -> Self {
    var event = self
    event.container = container
    return event
  }
}
