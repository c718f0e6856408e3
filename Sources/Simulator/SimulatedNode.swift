import DequeModule
import Elector
import EtcdClient
import FakeKubelet

/// Facts that wait for a process, and what is left to be done of the one in hand: how the shells of elector
/// and guard feed their cores. What becomes of files comes before anything else that waits.
struct Mailbox<Event: Sendable, Effect: Sendable>: Sendable {
  var inbox: Deque<Event> = []
  var results: Deque<Event> = []
  var effects: Deque<Effect> = []
  /// A file or the guard is waited for.
  var isBusy = false

  enum Work { case effect(Effect), event(Event) }

  mutating func next() -> Work? {
    if self.isBusy { return nil }
    if let effect = self.effects.popFirst() { return .effect(effect) }
    return (self.results.popFirst() ?? self.inbox.popFirst()).map { .event($0) }
  }
}

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

  var elector: ElectorProcess<Core>?
  var guardian: GuardProcess?
  /// Grow with each life.
  var electorLives = 0
  var guardLives = 0
  /// When the unit is started again, once all of it has ended.
  var unitDue: Nanoseconds = 0
  var isUnitScheduled = false

  /// Which guard put the manifest there; `nil` for an absent one.
  var manifestOwner: Int?
  var kubelet: KubeletProcess
  var kubeletLives = 0

  // Faults under way, by when they end.
  var cutRequestsUntil: Nanoseconds = 0
  var cutAnswersUntil: Nanoseconds = 0
  var stormUntil: Nanoseconds = 0
  var slowFilesUntil: Nanoseconds = 0
  var refusedFilesUntil: Nanoseconds = 0

  var isUnitGone: Bool { self.elector == nil && self.guardian == nil }
}

final class ElectorProcess<Core: ElectionCore> {
  let life: Int
  /// What its machine's clock showed when it began: its own instants count from here.
  let begin: Nanoseconds
  var core: Core
  var mail = Mailbox<Election.Event, Election.Effect>()
  var continuity = StoreContinuity()
  /// Requests to the store that no answer has come to.
  var pending: [Int: PendingRequest] = [:]
  var alarm = 0
  var watch: Int?
  /// What the guard was asked for, by the question's number.
  var asks: [UInt32: Ask] = [:]
  var lastAsk: UInt32 = 0
  var isLinked = true
  var toldEnd: Elector.Instant?
  var stoppedUntil: Nanoseconds = 0
  /// How long it waits for a slow disk.
  var waitsUntil: Nanoseconds = 0
  var podWatches: [Int: PodWatch] = [:]
  var pods = InstalledPods()
  /// Whether a manifest of its own may be there.
  var hasInstalled = false

  init(life: Int, begin: Nanoseconds, core: Core) {
    self.life = life
    self.begin = begin
    self.core = core
  }
}

struct PodWatch: Sendable {
  var watch: PodEndWatch
  let since: Nanoseconds
  let pods: InstalledPods
}

struct PendingRequest: Sendable {
  let kind: Election.Request.Kind
  let sentAfter: StorePosition?
  /// What the store had acknowledged to anybody when it was sent.
  let acknowledged: UInt64
}

enum Ask: Sendable { case install, remove, extend }

final class GuardProcess {
  let life: Int
  var core: Guard
  var mail = Mailbox<Guard.Event, Guard.Effect>()
  var alarm = 0
  var stoppedUntil: Nanoseconds = 0
  /// How long it waits for a slow disk.
  var waitsUntil: Nanoseconds = 0
  /// The elector that it has started, and the one that it talks to: until that hangs up.
  var child: Int?
  var electorLife: Int?

  init(life: Int, core: Guard) {
    self.life = life
    self.core = core
  }
}

final class KubeletProcess {
  let life: Int
  let begin: Nanoseconds
  var core = PodWorkers()
  /// What it has seen of its directory.
  var sees = false
  var isUp = true
  var alarm = 0
  /// The containers that run.
  var running: Set<UInt64> = []

  init(life: Int, begin: Nanoseconds) {
    self.life = life
    self.begin = begin
  }
}
