import Elector

/// A node: its machine, its elector with guard, its manifest directory and its kubelet.
struct SimulatedNode<Core: ElectionCore> {
  let name: String
  let holder: String
  let lock: Lock
  let timing: Timing
  let asksKubelet: Bool
  /// Whether the kubelet was named by a flag; else its word counts once it has listed the pod.
  let knowsKubelet: Bool
  let grace: Nanoseconds
  let gain: Int64
  var boots = 0
  var clock: NodeClock
  var isOn = true

  var elector: SimulatedElector<Core>?
  var guardian: SimulatedGuard?
  /// The number of the current, or last, process.
  var electorLives = 0
  var guardLives = 0
  /// Earliest restart of the unit.
  var unitDue: Nanoseconds = 0
  var isUnitScheduled = false

  /// What is in the kubelet's directory.
  var manifest: SimulatedManifest?
  /// When it was removed last.
  var manifestGone: Nanoseconds?
  /// The term of its elector's latest installation.
  var installedTerm: UInt64?
  /// Until when the elector has believed in its lease at its latest renewal. From then on the guard removes the
  /// manifest.
  var believedUntil: Nanoseconds?
  /// The mark beside it: a pod may run. As in `ManifestLock`.
  var isMarked = false
  var kubelet: SimulatedKubelet

  /// When a pod of the manifest ran for the first time. What a restart of its kubelet or of its container does to its
  /// youth is left out, as in the guarantees.
  var ranFirst: Nanoseconds?

  /// The end of the latest pause of the machine, and the time of all pauses.
  var pausedUntil: Nanoseconds = 0
  var timePaused: Nanoseconds = 0

  /// When the faults that last end, or have ended.
  var faultEnds: [SimulatedFault.Kind: Nanoseconds] = [:]

  func end(of kinds: SimulatedFault.Kind...) -> Nanoseconds {
    kinds.reduce(0) { max($0, self.faultEnds[$1] ?? 0) }
  }

  /// How long after a pause its pod may run beside another one: until the store has answered a renewal and a
  /// read, and the pod has ended.
  var excuse: Nanoseconds {
    let asking = self.timing.renewPeriod * 2 + self.timing.requestTimeout * 3
    return Nanoseconds(asking + self.timing.podStop.total() + .seconds(1))
  }

  var electedPod: ElectedPod {
    ElectedPod(name: "kube-scheduler", namespace: "kube-system", grace: self.grace.duration)
  }

  var bootID: String { "\(self.name)-boot\(self.boots)" }

  var isUnitGone: Bool { self.elector == nil && self.guardian == nil }
}

/// A manifest in a kubelet's directory.
struct SimulatedManifest: Sendable {
  /// The life of the guard that put it there.
  let owner: Int
  let bytes: [UInt8]
  /// When it was first there, updates aside.
  let since: Nanoseconds
}
