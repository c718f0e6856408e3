/// A resource that the server serves.
struct APIResource: Sendable {
  var group: String
  var version: String
  var name: String
  var singular: String
  var kind: String
  var isNamespaced: Bool
  var shortNames: [String]
  var categories: [String] = []
  var verbs: [String]
  var subresources: [String] = []

  static let all: [Self] = [
    Self(
      group: "", version: "v1", name: "pods", singular: "pod", kind: "Pod", isNamespaced: true,
      shortNames: ["po"], categories: ["all"],
      verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
      subresources: ["log", "status"]),
    Self(
      group: "", version: "v1", name: "nodes", singular: "node", kind: "Node", isNamespaced: false,
      shortNames: ["no"], verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
      subresources: ["status"]),
    Self(
      group: "", version: "v1", name: "namespaces", singular: "namespace", kind: "Namespace",
      isNamespaced: false, shortNames: ["ns"],
      verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
      subresources: ["status"]),
    Self(
      group: "", version: "v1", name: "events", singular: "event", kind: "Event",
      isNamespaced: true, shortNames: ["ev"],
      verbs: ["create", "delete", "get", "list", "patch", "update", "watch"]),
    Self(
      group: "", version: "v1", name: "replicationcontrollers", singular: "replicationcontroller",
      kind: "ReplicationController", isNamespaced: true, shortNames: ["rc"], categories: ["all"],
      verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
      subresources: ["status"]),
    Self(
      group: "coordination.k8s.io", version: "v1", name: "leases", singular: "lease", kind: "Lease",
      isNamespaced: true, shortNames: [],
      verbs: ["create", "delete", "get", "list", "patch", "update", "watch"]),
  ]
}
