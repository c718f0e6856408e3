import KubernetesObjects

/// Decides which nodes are marked as unknown and which pods are evicted from them, as a value.
///
/// A node is alive while its Lease is renewed or the heartbeat of its Ready condition changes. The times in
/// these are compared only with each other, never with a clock. After the grace period without a sign of
/// life the node's conditions become Unknown. After the eviction timeout without being ready its pods are
/// deleted. Both periods count from what this process has seen, so a restarted process counts anew.
///
/// Mirror pods stay: only their kubelet deletes them. A deleted pod stays visible until its kubelet has
/// stopped it; its controller replaces it at once.
///
/// Source: `pkg/controller/nodelifecycle/node_lifecycle_controller.go`; 1.1's `--pod-eviction-timeout`.
struct NodeMonitor: Equatable, Sendable {
  enum Action: Equatable, Sendable {
    case markUnknown(node: JSONValue)
    case evict(pod: JSONValue)
  }

  private struct Sighting: Equatable {
    /// The last sign of life: uid, Lease renewal, heartbeat.
    var sign: [String]
    var at: Duration
    /// Since when the node has not been ready.
    var notReadySince: Duration?
  }

  let gracePeriod: Duration
  let evictionTimeout: Duration
  private var sightings: [String: Sighting] = [:]

  init(gracePeriod: Duration = .seconds(40), evictionTimeout: Duration = .seconds(300)) {
    self.gracePeriod = gracePeriod
    self.evictionTimeout = evictionTimeout
  }

  /// - Parameters:
  ///   - leases: those in `kube-node-lease`.
  ///   - now: on a monotonic clock.
  mutating func plan(
    nodes: [JSONValue], leases: [JSONValue], pods: [JSONValue], at now: Duration
  ) -> [Action] {
    let renewals = Dictionary(
      leases.map { ($0.metadata.name, $0["spec"]?["renewTime"]?.string ?? "") }
    ) { $1 }
    var sightings: [String: Sighting] = [:]
    var actions: [Action] = []
    for node in nodes.sorted(by: { $0.metadata.name < $1.metadata.name }) {
      let (name, ready) = (node.metadata.name, node.condition("Ready"))
      // Marking the node as unknown leaves the heartbeat alone, so it is no sign of life.
      let heartbeat = ready?["lastHeartbeatTime"]?.string
      let sign = [node.metadata.uid, renewals[name] ?? "", heartbeat ?? ""]
      var sighting = self.sightings[name] ?? Sighting(sign: sign, at: now)
      if sighting.sign != sign { (sighting.sign, sighting.at) = (sign, now) }
      var status = ready?["status"]?.string
      if now - sighting.at > self.gracePeriod, status != "Unknown" {
        actions.append(.markUnknown(node: node))
        status = "Unknown"
      }
      sighting.notReadySince = status == "True" ? nil : sighting.notReadySince ?? now
      sightings[name] = sighting
    }
    self.sightings = sightings
    actions += pods.filter { pod in
      guard let since = sightings[pod.nodeName]?.notReadySince else { return false }
      return now - since > self.evictionTimeout && !pod.isMirror && !pod.metadata.isBeingDeleted
        && !pod.hasEnded
    }
    .sorted(by: Replication.byName)
    .map { .evict(pod: $0) }
    return actions
  }
}
