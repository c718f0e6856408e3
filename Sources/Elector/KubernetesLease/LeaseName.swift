/// The Lease that shows a lock in `kubectl get leases`: `kube-system/elector-scheduler`.
package struct LeaseName: Equatable, Sendable, CustomStringConvertible {
  package let namespace: String
  package let name: String

  /// - Parameter text: `NAMESPACE/NAME`, or a name in `kube-system`.
  /// - Returns: `nil` for an invalid name. Source: Kubernetes, `IsDNS1123Label` and `IsDNS1123Subdomain`.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 2, let name = parts.last else { return nil }
    let namespace = parts.count == 2 ? parts[0] : "kube-system"
    guard namespace.wholeMatch(of: /[a-z0-9]([-a-z0-9]*[a-z0-9])?/) != nil, namespace.count <= 63,
      name.count <= 253,
      name.wholeMatch(of: /[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/) != nil
    else { return nil }
    self.namespace = namespace
    self.name = name
  }

  /// The default name for a lock; leases of other programs have another prefix.
  package init?(ofKey key: String) {
    let name = key.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
    self.init(
      "elector-" + String(name).split(separator: "-").joined(separator: "-"))
  }

  package var description: String { "\(self.namespace)/\(self.name)" }

  var collection: String {
    "/apis/coordination.k8s.io/v1/namespaces/\(self.namespace)/leases"
  }
  var path: String { "\(self.collection)/\(self.name)" }
  var events: String { "/api/v1/namespaces/\(self.namespace)/events" }
}
