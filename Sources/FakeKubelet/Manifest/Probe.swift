import KubernetesObjects

/// A periodic check of a running container, with the API's defaults.
///
/// Source: `pkg/apis/core/v1/defaults.go`, `k8s.io/api/core/v1/types.go` Probe.
public struct Probe: Equatable, Sendable {
  /// The effect of the probe's result.
  public enum Kind: String, CaseIterable, Sendable {
    /// The other probes wait for its success; its failure restarts the container.
    case startup = "Startup"
    /// Its failure restarts the container.
    case liveness = "Liveness"
    /// Whether the container counts as ready.
    case readiness = "Readiness"

    /// The container's field in a manifest.
    var field: String { "\(self.rawValue.lowercased())Probe" }
  }

  /// What a probe does.
  public enum Check: Equatable, Sendable {
    /// An action that hooks have, too.
    case action(ContainerAction)
    /// The health check of a gRPC server; an empty service is the server as a whole.
    case grpc(port: Int, service: String)
  }

  /// What the probe does.
  public let check: Check
  /// From the container's start to the first probe.
  public let initialDelay: Duration
  /// A probe without an answer fails after this time.
  public let timeout: Duration
  /// From one probe to the next.
  public let period: Duration
  /// Results in a row that change the verdict.
  public let successThreshold: Int
  public let failureThreshold: Int
  /// From SIGTERM to SIGKILL when this probe stops the container; `nil` for the pod's grace period.
  public let gracePeriod: Duration?

  /// `nil` when the container has no such probe.
  /// - Parameter container: validated and completed.
  init?(_ kind: Kind, of container: JSONValue) {
    guard let probe = container[kind.field] else { return nil }
    if let action = ContainerAction(probe, container: container) {
      self.check = .action(action)
    } else if let grpc = probe["grpc"] {
      self.check = .grpc(
        port: Int(grpc["port"]?.integer ?? 0), service: grpc["service"]?.string ?? "")
    } else {
      return nil
    }
    func number(_ field: String) -> Int64 { probe[field]?.integer ?? 0 }
    self.initialDelay = .seconds(number("initialDelaySeconds"))
    self.timeout = .seconds(max(1, number("timeoutSeconds")))
    self.period = .seconds(max(1, number("periodSeconds")))
    self.successThreshold = max(1, Int(number("successThreshold")))
    self.failureThreshold = max(1, Int(number("failureThreshold")))
    self.gracePeriod = probe["terminationGracePeriodSeconds"]?.integer.map {
      max(PodManifest.minimumGracePeriod, .seconds($0))
    }
  }
}

/// The result of a probe.
public enum ProbeResult: Equatable, Sendable {
  case success
  /// A bad answer or none in time, with the reason.
  case failure(String)
  /// The probe could not be carried out; the result does not count.
  case error(String)
}
