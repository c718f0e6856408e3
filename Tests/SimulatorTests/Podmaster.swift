import Elector
import KVStore

@testable import Simulator

/// The original podmaster's algorithm, as an election in the simulator: what our own is measured against.
///
/// It reads the key each `--sleep`, writes it without a condition when it is not there, counts its lease
/// from the answer, renews by the former value, and only then changes its manifest. Nobody takes the
/// manifest away when it has crashed, and whoever wins waits for nobody.
/// Source: `pod-master/podmaster.go` in the history of kubernetes-retired/contrib.
struct Podmaster: ElectionCore {
  private let name: String
  private let timing: Timing
  private var lastID = 0
  private var inFlight: Int?
  private var isMaster = false
  private var isInstalled = false
  /// Until when nothing is done.
  private var due = Elector.Instant.start

  init(
    candidate: Candidate, timing: Timing, asksKubelet: Bool, podLimits: PodLimits, jitter: Double
  ) {
    self.name = candidate.name
    self.timing = timing
  }

  static func operation(
    for request: Election.Request.Kind, of lock: Lock
  ) -> StoreOperation {
    switch request {
    case .create: .write { .set(lock.key, $0) }
    case .renew:
      .write { .compareAndSwap(lock.key, .init(value: Array(lock.holder.utf8)), $0) }
    default: Election.operation(for: request, of: lock)
    }
  }

  mutating func handle(_ event: Election.Event, at now: Elector.Instant) -> [Election.Effect] {
    var effects: [Election.Effect] = []
    switch event {
    case .answered(let id, let answer):
      guard id == self.inFlight else { return [] }
      self.inFlight = nil
      effects += self.answered(answer, at: now)
    // Its own process ends, and the manifest stays where it is.
    case .stop: return [.finish(.clean)]
    case .removed: self.isInstalled = false
    case .installation(.installed): self.isInstalled = true
    default: break
    }
    if self.inFlight == nil, now >= self.due {
      effects.append(self.send(.read, at: now))
    } else if self.inFlight == nil {
      effects.append(.wake(at: self.due))
    }
    return effects
  }

  private mutating func answered(
    _ answer: Election.Answer, at now: Elector.Instant
  ) -> [Election.Effect] {
    switch answer {
    case .absent: return [self.send(.create, at: now)]
    case .found(let holder, _, _) where holder.name == self.name:
      return [self.send(.renew(prevIndex: 0), at: now)]
    case .granted: self.isMaster = true
    case .found, .exists, .changed: self.isMaster = false
    // The former opinion stays.
    default: break
    }
    self.due = now + self.timing.sleep
    if self.isMaster, !self.isInstalled {
      return [.installManifest(term: 0, before: now + .seconds(1_000_000))]
    }
    return !self.isMaster && self.isInstalled ? [.removeManifest] : []
  }

  private mutating func send(
    _ kind: Election.Request.Kind, at now: Elector.Instant
  ) -> Election.Effect {
    self.lastID += 1
    self.inFlight = self.lastID
    return .send(Election.Request(id: self.lastID, kind: kind, sentAt: now, storeIndex: 0))
  }
}
