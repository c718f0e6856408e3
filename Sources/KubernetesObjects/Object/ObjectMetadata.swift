/// The `metadata` of an object, for reading. An absent text reads as an empty one, as in Go.
///
/// Source: `k8s.io/apimachinery/pkg/apis/meta/v1/types.go` ObjectMeta.
package struct ObjectMetadata: Equatable, Sendable {
  private let fields: JSONValue

  fileprivate init(_ fields: JSONValue) {
    self.fields = fields
  }

  package var name: String { self.fields["name"]?.string ?? "" }
  /// Empty for an object outside of namespaces, such as a node.
  package var namespace: String { self.fields["namespace"]?.string ?? "" }
  package var uid: String { self.fields["uid"]?.string ?? "" }
  package var resourceVersion: String { self.fields["resourceVersion"]?.string ?? "" }
  package var labels: [String: JSONValue] { self.fields["labels"]?.members ?? [:] }
  package var annotations: [String: JSONValue] { self.fields["annotations"]?.members ?? [:] }

  /// RFC 3339; texts of the same length sort as their times do.
  package var creationTimestamp: String { self.fields["creationTimestamp"]?.string ?? "" }
  /// RFC 3339: when the grace period ends; `nil` unless the object is being deleted.
  package var deletionTimestamp: String? { self.fields["deletionTimestamp"]?.string }
  /// The programs that have work to do before the object may go.
  package var finalizers: [String] {
    (self.fields["finalizers"]?.elements ?? []).compactMap(\.string)
  }
  package var isBeingDeleted: Bool { self.deletionTimestamp != nil }

  /// The owner that manages the object, such as a ReplicationController.
  package var controller: JSONValue? {
    self.fields["ownerReferences"]?.elements.first { $0["controller"]?.boolean == true }
  }
}

extension JSONValue {
  /// `metadata` of an object.
  package var metadata: ObjectMetadata { ObjectMetadata(self["metadata"] ?? [:]) }
}
