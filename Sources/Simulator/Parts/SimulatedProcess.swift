import Elector
import EtcdClient
import FakeKubelet

/// A process on a node. Processes are classes for speed; only one ``Simulation`` has references to them.
class SimulatedProcess {
  let node: Int
  /// Its number among the processes of its kind on this node.
  let life: Int
  /// Nothing of it happens any more.
  var hasEnded = false
  var stoppedUntil: Nanoseconds = 0
  /// The end of its wait for a slow disk.
  var waitsUntil: Nanoseconds = 0
  /// The number of its latest alarm.
  var alarm = 0

  init(node: Int, life: Int) {
    self.node = node
    self.life = life
  }
}

final class SimulatedElector<Core: ElectionCore>: SimulatedProcess {
  /// The machine's clock at its start; its own instants count from here.
  let begin: Nanoseconds
  var core: Core
  var loop = ElectorLoop()
  var continuity = StoreContinuity()
  var standstill = Standstill()
  /// What it knows of its leases in v3.
  var leases = V3LeaseCalls.Memory()
  /// Leases of v3 that it has granted and whose keys it does not hold.
  var doubtfulLeases: Set<Int64> = []
  /// Requests to the store without an answer.
  var pending: [Int: PendingRequest] = [:]
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
  /// The end of the disk's work that hangs, of which it waits no longer.
  var diskHangsUntil: Nanoseconds = 0
  var copy: ManifestCopy
  /// Which of its reports its log would have.
  var news = ElectionNews()
  /// Whether the kubelet has listed the pod once.
  var hasFoundKubelet = false

  init(node: Int, life: Int, begin: Nanoseconds, core: Core, copy: ManifestCopy) {
    self.begin = begin
    self.core = core
    self.copy = copy
    super.init(node: node, life: life)
  }
}

final class SimulatedGuard: SimulatedProcess {
  var core: Guard
  var loop = GuardLoop()
  /// Everything since its last `poll`.
  var sight = GuardSight()

  /// Whether the elector's end of the connection is open.
  var isConnected: Bool { self.sight.connection == .open }

  init(node: Int, life: Int, core: Guard) {
    self.core = core
    self.loop.receive(.woke)
    super.init(node: node, life: life)
  }
}

final class SimulatedKubelet: SimulatedProcess {
  let begin: Nanoseconds
  var core = PodWorkers()
  /// The bytes in its directory at its last look, and their pod.
  var seen: [UInt8]?
  var pod: PodManifest?
  /// How much later than its deadline this pod ends, since the kubelet checks once a second.
  var lateness: Duration = .zero
  var isUp = true
  /// Its process is dead, and its containers run on.
  var isDead = false
  /// It has been restarted without its API server: it ends no pod.
  var keepsOrphans = false
  /// What has happened to its containers while it was dead.
  var missed: [PodWorkers.Event] = []
  /// When its process has started last.
  var restartedAt: Nanoseconds
  /// Whether its containers may run for longer than any elector can know, ``Audit``.
  var isOutOfHand = false
  /// The containers that run.
  var running: Set<UInt64> = []

  init(node: Int, life: Int, begin: Nanoseconds) {
    self.begin = begin
    self.restartedAt = begin
    super.init(node: node, life: life)
  }

  /// Whether it answers.
  var answers: Bool { self.isUp && !self.isDead }
}

struct PendingRequest: Sendable {
  let kind: Election.Request.Kind
  let sentAfter: StorePosition?
  /// The machine's clock at the sending.
  var sent: Nanoseconds
  /// The last index that any client had seen when it was sent.
  var acknowledged: UInt64
  /// In v3, what it takes.
  var calls: V3LeaseCalls?
  /// The number of its call under way.
  var call = 0
  /// The lease that it has asked for.
  var newLease: Int64?
  /// Whether a call of it has failed.
  var hasFailed = false
}

/// The content of an installation.
struct ManifestContent: Sendable {
  let bytes: [UInt8]
  let deadline: ManifestCopy.Deadline
  /// Until when it may stay.
  let until: BootInstant
  /// As ``ManifestCopy/firstWriteEnd``.
  let before: BootInstant?
}
