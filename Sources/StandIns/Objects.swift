import KubernetesClient
import KubernetesObjects

/// What both daemons read of an object.
extension JSONValue {
  var metadata: JSONValue { self["metadata"] ?? [:] }
  var name: String { self.metadata["name"]?.string ?? "" }
  var namespace: String { self.metadata["namespace"]?.string ?? "" }
  var uid: String { self.metadata["uid"]?.string ?? "" }
  /// RFC 3339, so that the order of the texts is that of the times.
  var creation: String { self.metadata["creationTimestamp"]?.string ?? "" }
  var isBeingDeleted: Bool { self.metadata["deletionTimestamp"]?.string != nil }
  /// The uid of the object that looks after it.
  var controllerUID: String? { self.controller?["uid"]?.string }

  var controller: JSONValue? {
    self.metadata["ownerReferences"]?.elements.first { $0["controller"]?.boolean == true }
  }

  /// `True`, `False` or `Unknown`; `nil` when there is no such condition.
  func condition(_ type: String) -> String? {
    self["status"]?["conditions"]?.elements.first { $0["type"]?.string == type }?["status"]?.string
  }

  // Of a pod.
  var nodeName: String { self["spec"]?["nodeName"]?.string ?? "" }
  var phase: String { self["status"]?["phase"]?.string ?? "" }
  /// Whether it has failed or succeeded.
  var isOver: Bool { self.phase == "Failed" || self.phase == "Succeeded" }
  /// Whether a kubelet shows a static pod by it.
  var isMirror: Bool { self.metadata["annotations"]?["kubernetes.io/config.mirror"] != nil }

  func subject(_ kind: String) -> EventSubject {
    EventSubject(kind: kind, namespace: self.namespace, name: self.name, uid: self.uid)
  }

  /// Whether all the pairs of a selector are among these labels; an empty selector has none.
  func hasLabels(_ selector: [String: JSONValue]) -> Bool {
    let labels = self.metadata["labels"]?.members ?? [:]
    return selector.allSatisfy { labels[$0.key] == $0.value }
  }
}
