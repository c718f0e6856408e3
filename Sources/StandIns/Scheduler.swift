import KubernetesClient
import ServiceLifecycle

/// Binds pods without a node to nodes, as ``Scheduling`` says.
struct Scheduler: Service {
  let daemon: Daemon

  /// Runs until graceful shutdown.
  /// - Throws: ``StandInError`` when the port cannot be bound.
  func run() async throws {
    let scheduling = LockedValue(Scheduling())
    try await self.daemon.run { () throws(APIServerError) in
      let pods = try await self.daemon.list("/api/v1/pods", fieldSelector: "spec.nodeName=")
      guard !pods.isEmpty else { return }
      let nodes = try await self.daemon.list("/api/v1/nodes")
      let plan = scheduling.withLock { $0.plan(pods: pods, nodes: nodes) }
      for failure in plan.failures {
        self.daemon.events.record(
          EventNote(isWarning: true, reason: "FailedScheduling", message: failure.reason),
          about: failure.pod.subject("Pod"))
      }
      for binding in plan.bindings {
        guard try await self.daemon.attempt(binding.request) != nil else { continue }
        let pod = "\(binding.pod.metadata.namespace)/\(binding.pod.metadata.name)"
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
