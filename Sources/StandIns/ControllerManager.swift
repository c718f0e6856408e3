import FoundationEssentials
import KubernetesClient
import KubernetesObjects
import ServiceLifecycle

/// Keeps the number of pods that ReplicationControllers ask for, and replaces the pods of dead nodes, as
/// ``Replication`` and ``NodeMonitor`` say.
struct ControllerManager: Service {
  let daemon: Daemon
  let monitor: NodeMonitor

  /// Runs until graceful shutdown.
  /// - Throws: ``StandInError`` when the port cannot be bound.
  func run() async throws {
    let monitor = LockedValue(self.monitor)
    let start = ContinuousClock.now
    try await self.daemon.run { () throws(APIServerError) in
      let pods = try await self.daemon.list("/api/v1/pods")
      let nodes = try await self.daemon.list("/api/v1/nodes")
      let leases = try await self.daemon.list(
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")
      for action in monitor.withLock({
        $0.plan(nodes: nodes, leases: leases, pods: pods, at: start.duration(to: .now))
      }) {
        try await self.perform(action)
      }
      // Listed after the pods: see ``Replication/plan(pods:controllers:)``.
      let controllers = try await self.daemon.list("/api/v1/replicationcontrollers")
      for action in Replication.plan(pods: pods, controllers: controllers) {
        try await self.perform(action)
      }
    }
  }

  private func perform(_ action: NodeMonitor.Action) async throws(APIServerError) {
    switch action {
    case .markUnknown(let node):
      let name = node.metadata.name
      let conditions = SilentNode.conditions(of: node, since: KubernetesTime.seconds(.now))
      let request = APIRequest(
        "PATCH", "/api/v1/nodes/\(name)/status", ["status": ["conditions": conditions]])
      guard try await self.daemon.attempt(request) != nil else { return }
      self.record(
        "NodeNotReady", "Node \(name) status is now: NodeNotReady", node.subject("Node"))
    case .evict(let pod):
      guard try await self.delete(pod) else { return }
      self.record(
        "NodeControllerEviction",
        "Marking for deletion Pod \(pod.metadata.name) from Node \(pod.nodeName)",
        pod.subject("Pod"))
    }
  }

  private func perform(_ action: Replication.Action) async throws(APIServerError) {
    switch action {
    case .create(let controller, let count):
      let pod = Replication.pod(of: controller)
      for _ in 0..<count {
        let request = APIRequest(
          "POST", "/api/v1/namespaces/\(controller.metadata.namespace)/pods", pod)
        guard let created = try await self.daemon.attempt(request) else { return }
        self.record(
          "SuccessfulCreate", "Created pod: \(created.metadata.name)",
          controller.subject("ReplicationController"))
      }
    case .delete(let pod, let controller):
      guard try await self.delete(pod), let controller else { return }
      self.record(
        "SuccessfulDelete", "Deleted pod: \(pod.metadata.name)",
        controller.subject("ReplicationController"))
    case .status(var controller, let replicas, let ready):
      controller["status"] = [
        "replicas": .integer(Int64(replicas)), "readyReplicas": .integer(Int64(ready)),
      ]
      let (namespace, name) = (controller.metadata.namespace, controller.metadata.name)
      _ = try await self.daemon.attempt(
        APIRequest(
          "PUT", "/api/v1/namespaces/\(namespace)/replicationcontrollers/\(name)/status",
          controller))
    }
  }

  /// Deletes exactly this pod, with its own grace period.
  private func delete(_ pod: JSONValue) async throws(APIServerError) -> Bool {
    try await self.daemon.attempt(
      APIRequest(
        "DELETE", "/api/v1/namespaces/\(pod.metadata.namespace)/pods/\(pod.metadata.name)",
        [
          "kind": "DeleteOptions", "apiVersion": "v1",
          "preconditions": ["uid": .string(pod.metadata.uid)],
        ])) != nil
  }

  private func record(_ reason: String, _ message: String, _ subject: EventSubject) {
    self.daemon.logger.info("\(message)")
    self.daemon.events.record(EventNote(reason: reason, message: message), about: subject)
  }
}
