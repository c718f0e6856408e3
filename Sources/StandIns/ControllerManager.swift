import FoundationEssentials
import KubernetesClient
import KubernetesObjects
import Logging
import ServiceLifecycle

/// Keeps the number of pods that ReplicationControllers ask for, and replaces those of dead nodes, as
/// ``Replication`` and ``NodeMonitor`` say.
public struct ControllerManager: Service {
  private let daemon: Daemon
  private let monitor: NodeMonitor

  /// - Parameter onListening: told once where `/healthz` is.
  public init(
    _ configuration: StandInConfiguration, monitor: NodeMonitor = NodeMonitor(), logger: Logger,
    onListening: @escaping @Sendable (String) async -> Void = { _ in }
  ) {
    self.daemon = Daemon(
      configuration, component: "controller-manager", logger: logger, onListening: onListening)
    self.monitor = monitor
  }

  /// Goes on until it is asked to shut down.
  /// - Throws: ``StandInError`` when the port cannot be listened on.
  public func run() async throws {
    let monitor = Guarded(self.monitor)
    let start = ContinuousClock.now
    try await self.daemon.run { () throws(APIServerError) in
      let pods = try await self.daemon.list("/api/v1/pods")
      let nodes = try await self.daemon.list("/api/v1/nodes")
      let leases = try await self.daemon.list(
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")
      for action in monitor.change({
        $0.plan(nodes: nodes, leases: leases, pods: pods, at: start.duration(to: .now))
      }) {
        try await self.perform(action)
      }
      // After the pods: see ``Replication/plan(pods:controllers:)``.
      let controllers = try await self.daemon.list("/api/v1/replicationcontrollers")
      for action in Replication.plan(pods: pods, controllers: controllers) {
        try await self.perform(action)
      }
    }
  }

  private func perform(_ action: NodeMonitor.Action) async throws(APIServerError) {
    switch action {
    case .markUnknown(let node):
      let conditions = SilentNode.conditions(of: node, since: KubernetesTime.seconds(.now))
      let request = APIRequest(
        "PATCH", "/api/v1/nodes/\(node.name)/status", ["status": ["conditions": conditions]])
      guard try await self.daemon.attempt(request) != nil else { return }
      self.note(
        "NodeNotReady", "Node \(node.name) status is now: NodeNotReady", node.subject("Node"))
    case .evict(let pod):
      guard try await self.delete(pod) else { return }
      self.note(
        "NodeControllerEviction", "Marking for deletion Pod \(pod.name) from Node \(pod.nodeName)",
        pod.subject("Pod"))
    }
  }

  private func perform(_ action: Replication.Action) async throws(APIServerError) {
    switch action {
    case .create(let controller, let count):
      let pod = Replication.pod(of: controller)
      for _ in 0..<count {
        let request = APIRequest("POST", "/api/v1/namespaces/\(controller.namespace)/pods", pod)
        guard let made = try await self.daemon.attempt(request) else { return }
        self.note(
          "SuccessfulCreate", "Created pod: \(made.name)",
          controller.subject("ReplicationController"))
      }
    case .delete(let pod, let controller):
      guard try await self.delete(pod), let controller else { return }
      self.note(
        "SuccessfulDelete", "Deleted pod: \(pod.name)",
        controller.subject("ReplicationController"))
    case .status(var controller, let replicas, let ready):
      controller["status"] = [
        "replicas": .integer(Int64(replicas)), "readyReplicas": .integer(Int64(ready)),
      ]
      let path =
        "/api/v1/namespaces/\(controller.namespace)/replicationcontrollers/\(controller.name)"
      _ = try await self.daemon.attempt(APIRequest("PUT", "\(path)/status", controller))
    }
  }

  /// With the pod's own grace, and only that pod.
  private func delete(_ pod: JSONValue) async throws(APIServerError) -> Bool {
    try await self.daemon.attempt(
      APIRequest(
        "DELETE", "/api/v1/namespaces/\(pod.namespace)/pods/\(pod.name)",
        [
          "kind": "DeleteOptions", "apiVersion": "v1",
          "preconditions": ["uid": .string(pod.uid)],
        ])) != nil
  }

  private func note(_ reason: String, _ message: String, _ subject: EventSubject) {
    self.daemon.logger.info("\(message)")
    self.daemon.events.record(EventNote(reason: reason, message: message), about: subject)
  }
}
