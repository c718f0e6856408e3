import Glibc
import Linux

/// The elector's parent, as a value: it owns the manifest, and it takes it away when the elector cannot.
/// Facts go in, effects come out; it reads no clock and touches no file.
///
/// What always holds:
/// 1. What was installed is to be removed as soon as its deadline has passed, or the elector that asked
///    for it has ended or has hung up, whichever comes first.
/// 2. Nothing is installed for an elector that has hung up, nor for a deadline that has passed. So one
///    that was stopped and goes on cannot put back what was taken away: what it still has to say is
///    older than its deadline.
/// 3. Of its own accord a guard removes only the very file that it put there.
/// 4. It ends only when nothing that it put there is left, or says so.
/// 5. It ends when another guard owns one of its places: both would remove the other's file for ever.
///
/// An elector is started again when it ends without having been told to, later each time; unless its
/// exit code says that it would end the same way again. Only the first one can show that: where one has done its
/// work, a file that cannot be read any more may be mended.
public struct Guard: Equatable, Sendable {
  /// The codes with which the first elector ends for good: errors that only a person can mend. An orderly end is
  /// one always. Source: sysexits.h, `EX_USAGE` and `EX_CONFIG`.
  public static let mistakes: Set<Int32> = [64, 78]

  /// The code of a guard whose place another one has. It may be free later. Source: sysexits.h, `EX_TEMPFAIL`.
  public static let takenCode: Int32 = 75

  private struct Manifest: Equatable {
    /// Until when what we put there may stay; `nil` when nothing of ours is there.
    var until: BootInstant?
    /// Who asked for it is gone.
    var isOrphan = false
    var removeDue: BootInstant?
    var isRemoving = false
    var failure: String?
  }

  private enum Elector: Equatable {
    /// To `running` when the pause is over.
    case down(until: BootInstant)
    /// To `hungUp`, to `down` when it ends.
    case running(since: BootInstant)
    /// It said its last word; to `down` when it ends.
    case hungUp(since: BootInstant)
  }

  private var manifests: [Manifest]
  private var elector: Elector
  private var backoff: RestartBackoff
  /// The first signal that told us to end.
  private var stop: Int32?
  /// Whether an elector has begun with its work.
  private var hasWorked = false
  /// How many manifests a configuration has that counts as soon as the elector has ended.
  private var newCount: Int?
  /// The exit code once the elector has ended.
  private var lastCode: Int32?
  private var exitCode: Int32?
  private var isFinished = false
  private var reports: [Report] = []
  private var alarm: BootInstant?

  /// How long after a failed removal the next one is tried.
  static let removePause = Duration.seconds(1)

  /// - Parameters:
  ///   - count: how many manifests the elector may ask for.
  ///   - now: never less than before.
  public init(manifests count: Int, at now: BootInstant) {
    self.manifests = Array(repeating: Manifest(), count: count)
    self.elector = .down(until: now)
    self.backoff = RestartBackoff(
      initial: .seconds(1), limit: .seconds(30), resetAfter: .seconds(60))
  }

  /// Takes in a fact and says what follows.
  public mutating func handle(_ event: Event, at now: BootInstant) -> [Effect] {
    var effects: [Effect] = []
    switch event {
    case .woke: break
    case .requested(let request):
      self.hasWorked = true
      effects += self.requested(request, at: now)
    case .installed(let request, let result): effects += self.installed(request, result)
    case .removed(let index, let request, let result):
      effects += self.removed(index, for: request, result, at: now)
    case .hungUp: self.hangUp()
    case .spokeNonsense(let error):
      self.reports.append(.nonsense(error))
      self.hangUp()
      effects.append(.killElector)
    case .notStarted(let reason):
      let pause = self.pause(at: now)
      self.reports.append(.notStarted(reason: reason, retryIn: pause))
    case .electorEnded(let end): self.ended(end, at: now)
    case .reconfigured(let count): effects += self.reconfigured(count)
    case .placeTaken(let index, let owner): effects += self.placeIsTaken(index, by: owner)
    case .signal(let number):
      if self.stop == nil { self.stop = number }
      if case .down = self.elector {
        self.exitCode = self.exitCode ?? 0
      } else {
        effects.append(.signalElector(number))
      }
    }
    return effects + self.effects(at: now)
  }

  // MARK: The manifests

  private mutating func requested(_ request: GuardRequest, at now: BootInstant) -> [Effect] {
    guard case .running = self.elector else { return [] }
    let index = Int(request.manifest)
    guard self.manifests.indices.contains(index) else {
      return [.answer(GuardAnswer(id: request.id, .failed(reason: "there is no such manifest")))]
    }
    switch request.kind {
    case .install(let until, _, _) where until <= now:
      self.reports.append(.refused(manifest: index))
      return [.answer(GuardAnswer(id: request.id, .tooLate))]
    case .install:
      return [.install(request)]
    case .extend(let until):
      guard let former = self.manifests[index].until, !self.manifests[index].isOrphan, until > now
      else {
        return [.answer(GuardAnswer(id: request.id, .tooLate))]
      }
      // Two that were sent at once may come in either order.
      self.manifests[index].until = max(former, until)
      return [.answer(GuardAnswer(id: request.id, .done))]
    case .remove:
      return [.remove(manifest: index, .anything, request: request.id)]
    }
  }

  private mutating func installed(
    _ request: GuardRequest, _ result: GuardAnswer.Result
  ) -> [Effect] {
    let isThere =
      switch result {
      case .done: true
      case .tooLate: false
      // It may have come when the file had its name already.
      case .failed(_, let isUntouched): !isUntouched
      }
    if case .install(let until, _, _) = request.kind, isThere {
      self.manifests[Int(request.manifest)].until = until
      self.manifests[Int(request.manifest)].isOrphan = false
    }
    return [.answer(GuardAnswer(id: request.id, result))]
  }

  private mutating func removed(
    _ index: Int, for request: UInt32?, _ result: RemovalResult, at now: BootInstant
  ) -> [Effect] {
    if request == nil { self.manifests[index].isRemoving = false }
    var failure: String?
    switch result {
    case .absent(let wasThere):
      if request == nil, wasThere {
        let isOrphan = self.manifests[index].isOrphan
        self.reports.append(.removed(index, isOrphan ? .electorGone : .deadline))
      }
      self.manifests[index] = Manifest()
    case .failed(let reason):
      failure = reason
      self.manifests[index].removeDue = now + Self.removePause
      if request == nil, reason != self.manifests[index].failure {
        self.manifests[index].failure = reason
        self.reports.append(.cannotRemove(reason: reason))
      }
    }
    guard let request else { return [] }
    return [.answer(GuardAnswer(id: request, failure.map { .failed(reason: $0) } ?? .done))]
  }

  // MARK: The elector

  private mutating func hangUp() {
    if case .running(let since) = self.elector { self.elector = .hungUp(since: since) }
    self.orphan()
  }

  private mutating func orphan() {
    for index in self.manifests.indices { self.manifests[index].isOrphan = true }
  }

  private mutating func placeIsTaken(_ index: Int, by owner: String) -> [Effect] {
    guard self.lastCode == nil else { return [] }
    self.reports.append(.placeTaken(manifest: index, by: owner))
    // What is there is the other one's.
    self.manifests[index] = Manifest()
    self.lastCode = Self.takenCode
    if case .down = self.elector {
      self.exitCode = Self.takenCode
      return []
    }
    // Not a signal to stop in order: it would remove what is there.
    self.hangUp()
    return [.killElector]
  }

  private mutating func reconfigured(_ count: Int) -> [Effect] {
    guard self.stop == nil, self.lastCode == nil, self.exitCode == nil else { return [] }
    self.newCount = count
    if case .down = self.elector { return [] }
    return [.signalElector(SIGTERM)]
  }

  private mutating func ended(_ end: ElectorEnd, at now: BootInstant) {
    self.orphan()
    if let lastCode {
      self.elector = .down(until: now)
      self.exitCode = lastCode
    } else if let stop {
      self.elector = .down(until: now)
      // One that had not yet learnt to listen to the signal held nothing either.
      self.exitCode = end == .signal(stop) ? 0 : end.exitCode
    } else if self.newCount != nil, end == .code(0) || end == .signal(SIGTERM) {
      self.elector = .down(until: now)
    } else if case .code(let code) = end,
      code == 0 || Self.mistakes.contains(code) && !self.hasWorked
    {
      self.elector = .down(until: now)
      self.exitCode = code
    } else {
      let pause = self.pause(at: now)
      self.reports.append(.electorEnded(end, restartIn: pause))
    }
  }

  private mutating func pause(at now: BootInstant) -> Duration {
    let since: BootInstant =
      switch self.elector {
      case .running(let since), .hungUp(let since): since
      case .down: now
      }
    let pause = self.backoff.delay(afterRunningFor: now - since)
    self.elector = .down(until: now + pause)
    if self.stop != nil { self.exitCode = 1 }
    return pause
  }

  // MARK: What follows

  private mutating func effects(at now: BootInstant) -> [Effect] {
    if self.isFinished { return [] }
    var effects: [Effect] = []
    for index in self.manifests.indices { effects += self.removal(of: index, at: now) }
    if case .down(let until) = self.elector, self.exitCode == nil, self.stop == nil, now >= until,
      let start = self.start
    {
      self.elector = .running(since: now)
      effects += start
    }
    var finish: Effect?
    if let exitCode, !self.manifests.contains(where: \.isRemoving) {
      let left = self.manifests.compactMap { $0.until == nil ? nil : $0.failure }
      self.reports += left.map { .left(reason: $0) }
      self.isFinished = true
      finish = .finish(code: left.isEmpty ? exitCode : max(exitCode, 1))
    }
    effects += self.reports.map { .report($0) }
    self.reports = []
    if let finish { return effects + [finish] }
    let next = self.nextAlarm
    if next != self.alarm {
      self.alarm = next
      effects.append(.wake(at: next))
    }
    return effects
  }

  /// How to start an elector; `nil` while something is left of a configuration that counts no longer.
  private var start: [Effect]? {
    mutating get {
      guard let newCount else { return [.startElector] }
      guard !self.manifests.contains(where: { $0.until != nil || $0.isRemoving }) else {
        return nil
      }
      self.manifests = Array(repeating: Manifest(), count: newCount)
      self.newCount = nil
      return [.useConfiguration, .startElector]
    }
  }

  private mutating func removal(of index: Int, at now: BootInstant) -> [Effect] {
    let manifest = self.manifests[index]
    guard !manifest.isRemoving, let due = self.removalDue(of: manifest), now >= due else {
      return []
    }
    self.manifests[index].isRemoving = true
    return [.remove(manifest: index, .own, request: nil)]
  }

  /// From when on what we put there is to be gone; `nil` when nothing is there.
  private func removalDue(of manifest: Manifest) -> BootInstant? {
    guard let until = manifest.until else { return nil }
    let due = manifest.isOrphan ? BootInstant(nanoseconds: 0) : until
    return max(due, manifest.removeDue ?? due)
  }

  /// The earliest instant at which something follows from time alone.
  private var nextAlarm: BootInstant? {
    var dues = self.manifests.compactMap { $0.isRemoving ? nil : self.removalDue(of: $0) }
    if case .down(let until) = self.elector { dues.append(until) }
    return dues.min()
  }
}
