import KubernetesClient
import KubernetesObjects

/// Decides which pods go to which nodes, as a value: round robin, in the order of the nodes' names.
///
/// A node must be Ready and not cordoned, and have the labels of the pod's `nodeSelector`. Requests for
/// CPU and memory, affinity, taints and priorities are ignored.
struct Scheduling: Equatable, Sendable {
  struct Plan: Equatable, Sendable {
    /// The oldest pods come first.
    var bindings: [Binding] = []
    /// Pods that fit no node; each pod is listed once for each reason.
    var failures: [Failure] = []
  }
  struct Binding: Equatable, Sendable {
    var pod: JSONValue
    var node: String
  }
  struct Failure: Equatable, Sendable {
    var pod: JSONValue
    var reason: String
  }

  static let name = "default-scheduler"

  private var lastNode = ""
  /// The reasons that were reported, by the pods' uids.
  private var reported: [String: String] = [:]

  /// - Parameters:
  ///   - pods: those without a node.
  ///   - nodes: all nodes.
  mutating func plan(pods: [JSONValue], nodes: [JSONValue]) -> Plan {
    var plan = Plan()
    let ready = nodes.filter {
      $0.isReady && $0["spec"]?["unschedulable"]?.boolean != true && !$0.metadata.isBeingDeleted
    }
    let waiting = pods.filter { pod in
      let scheduler = pod["spec"]?["schedulerName"]?.string ?? Self.name
      return pod.nodeName.isEmpty && !pod.metadata.isBeingDeleted && !pod.hasEnded
        && scheduler == Self.name
    }
    var reported: [String: String] = [:]
    for pod in waiting.sorted(by: Self.isOlder) {
      let selector = pod["spec"]?["nodeSelector"]?.members ?? [:]
      let names = ready.filter { node in
        selector.allSatisfy { node.metadata.labels[$0.key] == $0.value }
      }.map(\.metadata.name).sorted()
      if let node = names.first(where: { $0 > self.lastNode }) ?? names.first {
        self.lastNode = node
        plan.bindings.append(Binding(pod: pod, node: node))
        continue
      }
      let reason =
        "0/\(nodes.count) nodes are available: \(nodes.count - ready.count) not ready or cordoned, "
        + "\(ready.count) without the labels of its nodeSelector"
      let uid = pod.metadata.uid
      reported[uid] = reason
      if self.reported[uid] != reason { plan.failures.append(Failure(pod: pod, reason: reason)) }
    }
    self.reported = reported
    return plan
  }

  private static func isOlder(_ left: JSONValue, _ right: JSONValue) -> Bool {
    let (one, other) = (left.metadata.creationTimestamp, right.metadata.creationTimestamp)
    return one == other ? Replication.byName(left, right) : one < other
  }
}

extension Scheduling.Binding {
  /// Source: Kubernetes API, `pods/binding`.
  var request: APIRequest {
    let pod = self.pod.metadata
    return APIRequest(
      "POST", "/api/v1/namespaces/\(pod.namespace)/pods/\(pod.name)/binding",
      [
        "kind": "Binding", "apiVersion": "v1",
        "metadata": [
          "name": .string(pod.name), "namespace": .string(pod.namespace), "uid": .string(pod.uid),
        ],
        "target": ["kind": "Node", "apiVersion": "v1", "name": .string(self.node)],
      ])
  }
}
