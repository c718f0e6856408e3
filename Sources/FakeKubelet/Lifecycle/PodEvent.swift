/// An event about a pod: a log line, and a v1 Event when there is an API server.
package struct PodEvent: Equatable, Sendable {
  package enum Severity: String, Equatable, Sendable {
    case normal = "Normal"
    case warning = "Warning"
  }

  package let severity: Severity
  /// One word for programs, such as `DeadlineExceeded`.
  package let reason: String
  /// A sentence for people.
  package let message: String
  /// The container that it is about; `nil` for the pod as a whole.
  package var container: String?

  /// The same event about a container.
  func about(_ container: String) -> Self {
    var event = self
    event.container = container
    return event
  }
}

extension PodEvent {
  /// Source: `pkg/kubelet/active_deadline.go`.
  static let deadlineExceeded = Self(
    severity: .normal, reason: "DeadlineExceeded",
    message: "Pod was active on the node longer than the specified deadline")

  /// Source: `pkg/kubelet/prober/prober.go`; `nil` for a success.
  static func unhealthy(_ kind: Probe.Kind, _ result: ProbeResult) -> Self? {
    let outcome: String
    switch result {
    case .success: return nil
    case .failure(let reason): outcome = "failed: \(reason)"
    case .error(let reason): outcome = "errored: \(reason)"
    }
    return Self(
      severity: .warning, reason: "Unhealthy", message: "\(kind.rawValue) probe \(outcome)")
  }

  static func killing(_ message: String) -> Self {
    Self(severity: .normal, reason: "Killing", message: message)
  }

  static func failedPostStart(_ reason: String) -> Self {
    Self(
      severity: .warning, reason: "FailedPostStartHook", message: "PostStartHook failed: \(reason)"
    )
  }

  static func failedPreStop(_ reason: String) -> Self {
    Self(
      severity: .warning, reason: "FailedPreStopHook", message: "PreStopHook failed: \(reason)")
  }
}
