import FoundationEssentials
import KubernetesObjects

/// The fields of a Lease that we write. It only shows the lock in etcd: no program decides by it.
///
/// Source: Kubernetes API, `coordination.k8s.io/v1`.
struct LeaseObject: Codable, Equatable, Sendable {
  struct Metadata: Codable, Equatable, Sendable {
    var name: String
    var namespace: String
    var uid: String?
    var resourceVersion: String?
    var annotations: [String: String]?
  }
  struct Spec: Codable, Equatable, Sendable {
    var holderIdentity: String?
    var leaseDurationSeconds: Int64?
    var acquireTime: String?
    var renewTime: String?
    var leaseTransitions: Int?
  }
  var apiVersion = "coordination.k8s.io/v1"
  var kind = "Lease"
  var metadata: Metadata
  var spec: Spec?

  private static let token = ManifestStamp.prefix + "token"

  /// The Lease while we are the master.
  /// - Parameters:
  ///   - found: the present one; `nil` when it does not exist.
  ///   - now: the wall clock.
  init(
    _ name: LeaseName, holder: String, term: UInt64, ttlSeconds: Int64, found: LeaseObject?,
    now: Date
  ) {
    let isSameTerm =
      found?.spec?.holderIdentity == holder
      && found?.metadata.annotations?[Self.token] == "\(term)"
    let time = KubernetesTime.microseconds(now)
    self.metadata = Metadata(
      name: name.name, namespace: name.namespace, uid: found?.metadata.uid,
      resourceVersion: found?.metadata.resourceVersion, annotations: [Self.token: "\(term)"])
    self.spec = Spec(
      holderIdentity: holder, leaseDurationSeconds: ttlSeconds,
      acquireTime: isSameTerm ? found?.spec?.acquireTime ?? time : time, renewTime: time,
      leaseTransitions: (found?.spec?.leaseTransitions ?? -1) + (isSameTerm ? 0 : 1))
  }

  /// Whether a new master wrote it.
  func isTakeover(after found: LeaseObject?) -> Bool {
    found?.spec?.leaseTransitions != self.spec?.leaseTransitions
  }
}
