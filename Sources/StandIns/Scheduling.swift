import KubernetesClient
import KubernetesObjects

/// Which pods go to which nodes, as a value: one node after the other, in the order of their names.
///
/// A node has to be Ready and not cordoned, and to have the labels of the pod's `nodeSelector`. What pods and
/// nodes have of processors and memory is not looked at, nor are affinity, taints and priorities.
public struct Scheduling: Equatable, Sendable {
  /// What is to be done.
  public struct Plan: Equatable, Sendable {
    /// The oldest pods come first.
    public var bindings: [Binding] = []
    /// Pods that no node is good for, each told once for each reason.
    public var failures: [Failure] = []
  }
  public struct Binding: Equatable, Sendable {
    public var pod: JSONValue
    public var node: String
  }
  public struct Failure: Equatable, Sendable {
    public var pod: JSONValue
    public var reason: String
  }

  static let name = "default-scheduler"

  private var lastNode = ""
  /// By the pods' uids.
  private var told: [String: String] = [:]

  public init() {}

  /// Takes in all nodes, and all pods that have none.
  public mutating func plan(pods: [JSONValue], nodes: [JSONValue]) -> Plan {
    var plan = Plan()
    let ready = nodes.filter {
      $0.condition("Ready") == "True" && $0["spec"]?["unschedulable"]?.boolean != true
        && !$0.isBeingDeleted
    }
    let waiting = pods.filter { pod in
      let scheduler = pod["spec"]?["schedulerName"]?.string ?? Self.name
      return pod.nodeName.isEmpty && !pod.isBeingDeleted && !pod.isOver && scheduler == Self.name
    }
    var told: [String: String] = [:]
    for pod in waiting.sorted(by: {
      ($0.creation, $0.namespace, $0.name) < ($1.creation, $1.namespace, $1.name)
    }) {
      let selector = pod["spec"]?["nodeSelector"]?.members ?? [:]
      let names = ready.filter { $0.hasLabels(selector) }.map(\.name).sorted()
      if let node = names.first(where: { $0 > self.lastNode }) ?? names.first {
        self.lastNode = node
        plan.bindings.append(Binding(pod: pod, node: node))
        continue
      }
      let reason =
        "0/\(nodes.count) nodes are available: \(nodes.count - ready.count) not ready or cordoned, "
        + "\(ready.count) without the labels of its nodeSelector"
      told[pod.uid] = reason
      if self.told[pod.uid] != reason { plan.failures.append(Failure(pod: pod, reason: reason)) }
    }
    self.told = told
    return plan
  }
}

extension Scheduling.Binding {
  /// Source: Kubernetes API, `pods/binding`.
  var request: APIRequest {
    APIRequest(
      "POST", "/api/v1/namespaces/\(self.pod.namespace)/pods/\(self.pod.name)/binding",
      [
        "kind": "Binding", "apiVersion": "v1",
        "metadata": [
          "name": .string(self.pod.name), "namespace": .string(self.pod.namespace),
          "uid": .string(self.pod.uid),
        ],
        "target": ["kind": "Node", "apiVersion": "v1", "name": .string(self.node)],
      ])
  }
}
