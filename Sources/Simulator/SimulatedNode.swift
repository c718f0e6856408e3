import Elector
import EtcdClient
import FakeKubelet

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

  var electedPod: ElectedPod {
    ElectedPod(name: "kube-scheduler", namespace: "kube-system", grace: self.grace.duration)
  }

  var isUnitGone: Bool { self.elector == nil && self.guardian == nil }
}

final class SimulatedElector<Core: ElectionCore> {
  let life: Int
  /// What its machine's clock showed when it began: its own instants count from here.
  let begin: Nanoseconds
  var core: Core
  var loop = ElectorLoop()
  var continuity = StoreContinuity()
  /// Requests to the store that no answer has come to.
  var pending: [Int: PendingRequest] = [:]
  var alarm = 0
  var watch: Int?
  /// What the guard was asked for.
  var requests = GuardRequests()
  /// The request that the change of the manifest waits for.
  var changeRequest: UInt32?
  /// The installation or removal under way.
  var change: ManifestChange?
  var step: ManifestChange.Step?
  var installsUntil = BootInstant(nanoseconds: 0)
  /// What that installation is to put there.
  var content: ManifestContent?
  var copy: ManifestCopy
  var stoppedUntil: Nanoseconds = 0
  /// How long it waits for a slow disk.
  var waitsUntil: Nanoseconds = 0
  var podWatches: [Int: PodWatch] = [:]

  var isLinked: Bool { self.requests.loss == nil }

  init(life: Int, begin: Nanoseconds, core: Core, copy: ManifestCopy) {
    self.life = life
    self.begin = begin
    self.core = core
    self.copy = copy
  }
}

struct PodWatch: Sendable {
  var watch: PodEndWatch
  let since: Nanoseconds
  let pods: ManifestCopy.Pods
}

struct PendingRequest: Sendable {
  let kind: Election.Request.Kind
  let sentAfter: StorePosition?
  /// What the store had acknowledged to anybody when it was sent.
  let acknowledged: UInt64
}

/// A manifest in a kubelet's directory.
struct SimulatedManifest: Sendable {
  /// The life of the guard that put it there.
  let owner: Int
  let bytes: [UInt8]
  /// Since when there has been one, without a break.
  let since: Nanoseconds
}

/// What an elector makes of its manifest.
struct ManifestContent: Sendable {
  let bytes: [UInt8]
  let deadline: ManifestCopy.Deadline
  /// Until when it may stay.
  let until: BootInstant
}

final class SimulatedGuard {
  let life: Int
  var core: Guard
  var loop = GuardLoop()
  /// What has happened since it looked last.
  var sight = GuardLoop.Sight()
  var alarm = 0
  var stoppedUntil: Nanoseconds = 0
  /// How long it waits for a slow disk.
  var waitsUntil: Nanoseconds = 0
  /// The elector that it has started.
  var child: Int?

  /// Whether the elector has its end of the connection open.
  var isConnected: Bool { self.sight.connection == .open }

  init(life: Int, core: Guard) {
    self.life = life
    self.core = core
  }
}

final class SimulatedKubelet {
  let life: Int
  let begin: Nanoseconds
  var core = PodWorkers()
  /// The bytes that it has seen in its directory, and the pod that it has made of them.
  var seen: [UInt8]?
  var pod: PodManifest?
  /// How late it looks whether this pod has expired: it does so once a second.
  var lateness: Duration = .zero
  var isUp = true
  var alarm = 0
  /// The containers that run.
  var running: Set<UInt64> = []

  init(life: Int, begin: Nanoseconds) {
    self.life = life
    self.begin = begin
  }
}
