import Elector
import EtcdClient

/// The process of an elector.
final class SimulatedElector<Core: ElectionCore> {
  let life: Int
  /// The machine's clock at its start; its own instants count from here.
  let begin: Nanoseconds
  var core: Core
  var loop = ElectorLoop()
  var continuity = StoreContinuity()
  /// Requests to the store without an answer.
  var pending: [Int: PendingRequest] = [:]
  var alarm = 0
  var watch: Int?
  /// Its requests to the guard.
  var requests = GuardRequests()
  /// The request that ``change`` waits for.
  var changeRequest: UInt32?
  /// The installation or removal under way.
  var change: ManifestChange?
  var step: ManifestChange.Step?
  var installsUntil = BootInstant(nanoseconds: 0)
  /// The content of that installation.
  var content: ManifestContent?
  var copy: ManifestCopy
  var stoppedUntil: Nanoseconds = 0
  /// The end of its wait for a slow disk.
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
  /// The last index that any client had seen when it was sent.
  let acknowledged: UInt64
}

/// The content of an installation.
struct ManifestContent: Sendable {
  let bytes: [UInt8]
  let deadline: ManifestCopy.Deadline
  /// Until when it may stay.
  let until: BootInstant
}
