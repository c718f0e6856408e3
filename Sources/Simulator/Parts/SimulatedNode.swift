import Elector

/// One master: its machine, its elector with guard, its manifest directory and its kubelet.
///
/// Processes are classes since a run looks at them millions of times: nobody but the one ``Simulation``
/// has them.
struct SimulatedNode<Core: ElectionCore> {
  let name: String
  let holder: String
  let lock: Lock
  let timing: Timing
  let asksKubelet: Bool
  let grace: Nanoseconds
  let gain: Int64
  var boots = 0
  var clock: NodeClock
  var isOn = true

  var elector: SimulatedElector<Core>?
  var guardian: SimulatedGuard?
  /// Grow with each life.
  var electorLives = 0
  var guardLives = 0
  /// When the unit is started again, once all of it has ended.
  var unitDue: Nanoseconds = 0
  var isUnitScheduled = false

  /// What is in the kubelet's directory.
  var manifest: SimulatedManifest?
  var kubelet: SimulatedKubelet
  var kubeletLives = 0

  // Faults under way, by when they end.
  var cutRequestsUntil: Nanoseconds = 0
  var cutAnswersUntil: Nanoseconds = 0
  var stormUntil: Nanoseconds = 0
  var slowFilesUntil: Nanoseconds = 0
  var refusedFilesUntil: Nanoseconds = 0
  var lostSourceUntil: Nanoseconds = 0
  var killsAtRecordUntil: Nanoseconds = 0

  var electedPod: ElectedPod {
    ElectedPod(name: "kube-scheduler", namespace: "kube-system", grace: self.grace.duration)
  }

  var isUnitGone: Bool { self.elector == nil && self.guardian == nil }
}

/// A manifest in a kubelet's directory.
struct SimulatedManifest: Sendable {
  /// The life of the guard that put it there.
  let owner: Int
  let bytes: [UInt8]
  /// Since when there has been one, without a break.
  let since: Nanoseconds
}
