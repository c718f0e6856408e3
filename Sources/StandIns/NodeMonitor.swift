import KubernetesObjects

/// Which nodes are to be taken for dead, and which pods are to go for that, as a value.
///
/// A node lives while its Lease is renewed or its Ready condition says another time than before; the times
/// that it says are compared with each other alone, never with a clock. One of which nothing was heard for
/// the grace period is not known to be ready any more, and its pods go when it has not been ready for the
/// eviction timeout. Both times are counted from when this process saw it, so a new one begins to count anew.
///
/// Mirror pods stay: they are nobody's to delete but their kubelet's. A pod that is deleted stays visible until
/// its kubelet has ended it; its place is taken by another one at once.
///
/// Source: `pkg/controller/nodelifecycle/node_lifecycle_controller.go`; 1.1's `--pod-eviction-timeout`.
public struct NodeMonitor: Equatable, Sendable {
  public enum Action: Equatable, Sendable {
    /// Its kubelet is silent.
    case markUnknown(node: JSONValue)
    case evict(pod: JSONValue)
  }

  private struct Sighting: Equatable {
    /// What it said last.
    var sign: [String]
    var at: Duration
    /// Since when it has not been ready.
    var notReadySince: Duration?
  }

  let gracePeriod: Duration
  let evictionTimeout: Duration
  private var sightings: [String: Sighting] = [:]

  public init(gracePeriod: Duration = .seconds(40), evictionTimeout: Duration = .seconds(300)) {
    self.gracePeriod = gracePeriod
    self.evictionTimeout = evictionTimeout
  }

  /// - Parameters:
  ///   - leases: those in `kube-node-lease`.
  ///   - now: on a clock that is never set.
  public mutating func plan(
    nodes: [JSONValue], leases: [JSONValue], pods: [JSONValue], at now: Duration
  ) -> [Action] {
    let renewals = Dictionary(leases.map { ($0.name, $0["spec"]?["renewTime"]?.string ?? "") }) {
      $1
    }
    var sightings: [String: Sighting] = [:]
    var actions: [Action] = []
    for node in nodes.sorted(by: { $0.name < $1.name }) {
      let ready = node["status"]?["conditions"]?.elements.first { $0["type"]?.string == "Ready" }
      // What was written here, in the name of the kubelet, is no sign of life.
      let heartbeat = ready?["lastHeartbeatTime"]?.string
      let sign = [node.uid, renewals[node.name] ?? "", heartbeat ?? ""]
      var sighting = self.sightings[node.name] ?? Sighting(sign: sign, at: now)
      if sighting.sign != sign { (sighting.sign, sighting.at) = (sign, now) }
      var status = ready?["status"]?.string
      if now - sighting.at > self.gracePeriod, status != "Unknown" {
        actions.append(.markUnknown(node: node))
        status = "Unknown"
      }
      sighting.notReadySince = status == "True" ? nil : sighting.notReadySince ?? now
      sightings[node.name] = sighting
    }
    self.sightings = sightings
    actions += pods.filter { pod in
      guard let since = sightings[pod.nodeName]?.notReadySince else { return false }
      return now - since > self.evictionTimeout && !pod.isMirror && !pod.isBeingDeleted
        && !pod.isOver
    }
    .sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
    .map { .evict(pod: $0) }
    return actions
  }
}
