import KubernetesObjects

/// A question that the kubelet asks a running container again and again, completed with the API's defaults.
///
/// Source: `pkg/apis/core/v1/defaults.go`, `k8s.io/api/core/v1/types.go` Probe.
public struct Probe: Equatable, Sendable {
  /// What hangs on the answer.
  public enum Kind: String, CaseIterable, Sendable {
    /// Until it has succeeded, the others wait; its failure restarts the container.
    case startup = "Startup"
    /// Its failure restarts the container.
    case liveness = "Liveness"
    /// Whether the container counts as ready.
    case readiness = "Readiness"

    /// The container's field in a manifest.
    var field: String { "\(self.rawValue.lowercased())Probe" }
  }

  public enum Check: Equatable, Sendable {
    case action(ContainerAction)
    /// Asks a gRPC server for its health; an empty service is the server as a whole.
    case grpc(port: Int, service: String)
  }

  public let check: Check
  /// From the container's start to the first question.
  public let initialDelay: Duration
  /// After which a question without an answer has failed.
  public let timeout: Duration
  /// From question to question.
  public let period: Duration
  /// So many answers of one kind in a row change the verdict.
  public let successThreshold: Int
  public let failureThreshold: Int
  /// From SIGTERM to SIGKILL when this probe ends the container; `nil` for the pod's.
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

/// How a probe came out.
public enum ProbeResult: Equatable, Sendable {
  case success
  /// The container has answered, and badly, or not in time; what it said.
  case failure(String)
  /// The question could not be asked: it counts neither way.
  case error(String)
}
