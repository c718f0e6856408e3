import Elector
import EtcdClient

/// The process of an elector.
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

/// What an elector makes of its manifest.
struct ManifestContent: Sendable {
  let bytes: [UInt8]
  let deadline: ManifestCopy.Deadline
  /// Until when it may stay.
  let until: BootInstant
}
