import KubernetesObjects

/// A kind of object that the server stores, with the names that clients use.
///
/// Source: Kubernetes API conventions, "Types (Kinds)"; `kubectl api-resources`.
struct APIResource: Hashable, Sendable {
  /// Empty for the core group.
  var group: String
  var version: String
  /// The plural, as in a path: `pods`.
  var name: String
  var singular: String
  var kind: String
  var isNamespaced: Bool
  var shortNames: [String]
  var categories: [String] = []
  var verbs: [String]
  /// The words that may follow an object's name in a path: `status`, `log`, `scale`.
  var subresources: [String] = []

  /// `v1`, `coordination.k8s.io/v1`.
  var apiVersion: String {
    self.group.isEmpty ? self.version : "\(self.group)/\(self.version)"
  }

  /// `/api/v1`, `/apis/coordination.k8s.io/v1`.
  var groupPath: String { (self.group.isEmpty ? "/api/" : "/apis/") + self.apiVersion }

  var groupVersionKind: JSONValue {
    [
      "group": .string(self.group), "version": .string(self.version), "kind": .string(self.kind),
    ]
  }

  /// The name in messages: `leases.coordination.k8s.io`.
  var qualifiedName: String { self.group.isEmpty ? self.name : "\(self.name).\(self.group)" }

  /// Whether a PUT makes an object that does not exist. Source: the strategies' AllowCreateOnUpdate.
  var isMadeByUpdate: Bool { self == .leases || self == .events }

  private static let everything = [
    "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch",
  ]

  static let all: [Self] = [
    .events, .namespaces, .nodes, .pods, .replicationControllers, .leases,
  ]

  static let events = Self(
    group: "", version: "v1", name: "events", singular: "event", kind: "Event",
    isNamespaced: true, shortNames: ["ev"], verbs: everything)
  static let namespaces = Self(
    group: "", version: "v1", name: "namespaces", singular: "namespace", kind: "Namespace",
    isNamespaced: false, shortNames: ["ns"],
    verbs: everything.filter { $0 != "deletecollection" }, subresources: ["status"])
  static let nodes = Self(
    group: "", version: "v1", name: "nodes", singular: "node", kind: "Node", isNamespaced: false,
    shortNames: ["no"], verbs: everything, subresources: ["proxy", "status"])
  static let pods = Self(
    group: "", version: "v1", name: "pods", singular: "pod", kind: "Pod", isNamespaced: true,
    shortNames: ["po"], categories: ["all"], verbs: everything,
    subresources: ["attach", "binding", "eviction", "exec", "log", "portforward", "status"])
  static let replicationControllers = Self(
    group: "", version: "v1", name: "replicationcontrollers", singular: "replicationcontroller",
    kind: "ReplicationController", isNamespaced: true, shortNames: ["rc"], categories: ["all"],
    verbs: everything, subresources: ["scale", "status"])
  static let leases = Self(
    group: "coordination.k8s.io", version: "v1", name: "leases", singular: "lease", kind: "Lease",
    isNamespaced: true, shortNames: [], verbs: everything)
}
