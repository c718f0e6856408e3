import FoundationEssentials
import KubernetesObjects

/// The objects that show the lock at an API server; no program decides by them.
enum LeaseObjects {
  private static let token = ManifestStamp.prefix + "token"

  /// The fields of a Lease that we write while we are the master.
  ///
  /// Source: Kubernetes API, `coordination.k8s.io/v1`.
  /// - Parameters:
  ///   - found: the present one; `nil` when it does not exist.
  ///   - now: the wall clock.
  static func lease(
    _ name: LeaseName, holder: String, term: UInt64, ttlSeconds: Int64, found: JSONValue?,
    now: Date
  ) -> JSONValue {
    let former = found?["spec"]
    let isSameTerm =
      former?["holderIdentity"]?.string == holder
      && found?.metadata.annotations[Self.token]?.string == "\(term)"
    let time = JSONValue.string(KubernetesTime.microseconds(now))
    var metadata: JSONValue = [
      "name": .string(name.name), "namespace": .string(name.namespace),
      "annotations": [Self.token: .string("\(term)")],
    ]
    for field in ["uid", "resourceVersion"] { metadata[field] = found?["metadata"]?[field] }
    return [
      "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata,
      "spec": [
        "holderIdentity": .string(holder), "leaseDurationSeconds": .integer(ttlSeconds),
        "acquireTime": isSameTerm ? former?["acquireTime"] ?? time : time, "renewTime": time,
        "leaseTransitions": .integer(
          (former?["leaseTransitions"]?.integer ?? -1) + (isSameTerm ? 0 : 1)),
      ],
    ]
  }

  /// Whether a new master wrote a Lease.
  static func isTakeover(_ lease: JSONValue, after found: JSONValue?) -> Bool {
    found?["spec"]?["leaseTransitions"] != lease["spec"]?["leaseTransitions"]
  }

  /// A line in `kubectl get events`. Source: Kubernetes API, `v1`; the text is client-go's
  /// `leaderelection`'s.
  static func event(_ lease: JSONValue, holder: String, now: Date) -> JSONValue {
    let (name, namespace) = (lease.metadata.name, JSONValue.string(lease.metadata.namespace))
    let time = JSONValue.string(now.formatted(.iso8601))
    var subject: JSONValue = ["namespace": namespace, "name": .string(name)]
    for field in ["apiVersion", "kind"] { subject[field] = lease[field] }
    subject["uid"] = lease["metadata"]?["uid"]
    return [
      "apiVersion": "v1", "kind": "Event",
      "metadata": ["generateName": .string(name + "."), "namespace": namespace],
      "involvedObject": subject, "reason": "LeaderElection",
      "message": .string("\(holder) became leader"), "type": "Normal",
      "source": ["component": "elector", "host": .string(holder)],
      "firstTimestamp": time, "lastTimestamp": time, "count": 1,
    ]
  }
}

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
