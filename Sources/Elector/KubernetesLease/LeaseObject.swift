import FoundationEssentials
import KubernetesObjects

/// Where a lock is shown to `kubectl get leases`: `kube-system/elector-scheduler`.
public struct LeaseName: Equatable, Sendable, CustomStringConvertible {
  public let namespace: String
  public let name: String

  /// - Parameter text: `NAMESPACE/NAME`, or the name of one in `kube-system`.
  /// - Returns: `nil` when it is no such name. Source: RFC 1123 as Kubernetes reads it,
  ///   `IsDNS1123Label` and `IsDNS1123Subdomain`.
  public init?(_ text: String) {
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

  /// Of a lock for which no other name was given; other programs' leases do not begin so.
  public init?(ofKey key: String) {
    let name = key.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
    self.init(
      "elector-" + String(name).split(separator: "-").joined(separator: "-"))
  }

  public var description: String { "\(self.namespace)/\(self.name)" }

  var collection: String {
    "/apis/coordination.k8s.io/v1/namespaces/\(self.namespace)/leases"
  }
  var path: String { "\(self.collection)/\(self.name)" }
  var events: String { "/api/v1/namespaces/\(self.namespace)/events" }
}

/// A Lease as far as we write it. Nobody decides anything by it: it is the lock in etcd for people to see.
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

  /// What it is to be while we are the master.
  /// - Parameters:
  ///   - found: what is there; `nil` when there is none.
  ///   - now: the wall clock.
  init(
    _ name: LeaseName, holder: String, term: UInt64, ttlSeconds: Int64, found: LeaseObject?,
    now: Date
  ) {
    let goesOn =
      found?.spec?.holderIdentity == holder
      && found?.metadata.annotations?[Self.token] == "\(term)"
    let time = KubernetesTime.microseconds(now)
    self.metadata = Metadata(
      name: name.name, namespace: name.namespace, uid: found?.metadata.uid,
      resourceVersion: found?.metadata.resourceVersion, annotations: [Self.token: "\(term)"])
    self.spec = Spec(
      holderIdentity: holder, leaseDurationSeconds: ttlSeconds,
      acquireTime: goesOn ? found?.spec?.acquireTime ?? time : time, renewTime: time,
      leaseTransitions: (found?.spec?.leaseTransitions ?? -1) + (goesOn ? 0 : 1))
  }

  /// Whether the master became it since.
  func isTakeover(after found: LeaseObject?) -> Bool {
    found?.spec?.leaseTransitions != self.spec?.leaseTransitions
  }
}

/// A line in `kubectl get events`. Source: Kubernetes API, `v1`, and client-go's `leaderelection` for its
/// words.
struct LeaseEvent: Codable, Equatable, Sendable {
  struct Metadata: Codable, Equatable, Sendable {
    var generateName: String
    var namespace: String
  }
  struct Object: Codable, Equatable, Sendable {
    var apiVersion: String
    var kind: String
    var namespace: String
    var name: String
    var uid: String?
  }
  struct Source: Codable, Equatable, Sendable {
    var component: String
    var host: String
  }
  var apiVersion = "v1"
  var kind = "Event"
  var metadata: Metadata
  var involvedObject: Object
  var reason = "LeaderElection"
  var message: String
  var type = "Normal"
  var source: Source
  var firstTimestamp: String
  var lastTimestamp: String
  var count = 1

  init(_ lease: LeaseObject, holder: String, now: Date) {
    let time = KubernetesTime.seconds(now)
    self.metadata = Metadata(
      generateName: lease.metadata.name + ".", namespace: lease.metadata.namespace)
    self.involvedObject = Object(
      apiVersion: lease.apiVersion, kind: lease.kind, namespace: lease.metadata.namespace,
      name: lease.metadata.name, uid: lease.metadata.uid)
    self.message = "\(holder) became leader"
    self.source = Source(component: "elector", host: holder)
    (self.firstTimestamp, self.lastTimestamp) = (time, time)
  }
}
