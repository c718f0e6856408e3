import KubernetesClient
import Logging
import ServiceLifecycle

/// Binds pods that have no node to nodes, as ``Scheduling`` says.
public struct Scheduler: Service {
  private let daemon: Daemon

  /// - Parameter onListening: told once where `/healthz` is.
  public init(
    _ configuration: StandInConfiguration, logger: Logger,
    onListening: @escaping @Sendable (String) async -> Void = { _ in }
  ) {
    self.daemon = Daemon(
      configuration, component: "default-scheduler", logger: logger, onListening: onListening)
  }

  /// Goes on until it is asked to shut down.
  /// - Throws: ``StandInError`` when the port cannot be listened on.
  public func run() async throws {
    let scheduling = Guarded(Scheduling())
    try await self.daemon.run { () throws(APIServerError) in
      let pods = try await self.daemon.list("/api/v1/pods", fieldSelector: "spec.nodeName=")
      guard !pods.isEmpty else { return }
      let nodes = try await self.daemon.list("/api/v1/nodes")
      let plan = scheduling.change { $0.plan(pods: pods, nodes: nodes) }
      for failure in plan.failures {
        self.daemon.events.record(
          EventNote(isWarning: true, reason: "FailedScheduling", message: failure.reason),
          about: failure.pod.subject("Pod"))
      }
      for binding in plan.bindings {
        guard try await self.daemon.attempt(binding.request) != nil else { continue }
        let pod = "\(binding.pod.namespace)/\(binding.pod.name)"
        self.daemon.logger.info(
          "Bound pod to node", metadata: ["pod": "\(pod)", "node": "\(binding.node)"])
        self.daemon.events.record(
          EventNote(
            reason: "Scheduled", message: "Successfully assigned \(pod) to \(binding.node)"),
          about: binding.pod.subject("Pod"))
      }
    }
  }
}
