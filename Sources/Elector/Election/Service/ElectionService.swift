import Logging
import ServiceLifecycle

/// Carries out what ``Election`` says: it owns the clock, the store, the destination and the tasks, and
/// no policy.
///
/// On a graceful shutdown the destination is made absent, the end of what came of it awaited, that it
/// has ended recorded, and the lease released, in that order; a cancelled task makes the destination
/// absent and leaves the lease to expire.
public struct ElectionService: Service {
  private let election: Election
  private let store: any LeaseStore
  private let destination: any ElectionDestination
  /// The way to the guard, whose loss ends the service.
  private let guardLink: GuardLink?
  private let observe: @Sendable (Election.Report) -> Void
  private let events: AsyncStream<Election.Event>
  private let inbox: AsyncStream<Election.Event>.Continuation
  private let start: ContinuousClock.Instant
  /// Where it can be looked at while it runs.
  public let board: ElectionBoard
  let logger: Logger

  /// A service that keeps a manifest in the kubelet's directory while it leads.
  /// - Parameters:
  ///   - key: the lock's name on ``board``.
  ///   - candidate: `name` is what the key is to hold, `--whoami`.
  ///   - kubelet: says when a pod has ended; without it nothing does, and a stop leaves the lease to expire.
  ///   - podLimits: beyond these limits the lock is released.
  ///   - guarded: the manifest with the guard that owns it; `nil` when there is none.
  ///   - store: the lock in the store.
  ///   - logger: the log.
  ///   - timing: the durations of the lease.
  ///   - manifest: the files of the manifest.
  public init(
    key: String = "", candidate: Candidate, timing: Timing, store: any LeaseStore,
    manifest: ManifestFile,
    kubelet: NodeKubelet? = nil, podLimits: PodLimits = PodLimits(),
    guarded: GuardedManifest? = nil, logger: Logger
  ) {
    let destination = ManifestDestination(
      installer: ManifestInstaller(
        file: manifest, guarded: guarded, patience: timing.diskPatience), kubelet: kubelet,
      timing: timing,
      logger: logger)
    self.init(
      key: key, candidate: candidate, timing: timing, store: store, destination: destination,
      podLimits: podLimits, guardLink: guarded?.link, expectsNoPod: manifest.hasNeverBeen,
      observe: { _ in }, logger: logger)
  }

  /// A service that keeps a destination of the caller's while it leads.
  /// - Parameters:
  ///   - key: the lock's name on ``board``.
  ///   - candidate: `name` is what the key is to hold. `bootID` must not be empty, and two candidates
  ///     that can lead at the same time must not be equal: a term that an equal one left behind is
  ///     taken for our own.
  ///   - observe: called with each report, before it is logged.
  ///   - logger: the log.
  ///   - store: the lock in the store.
  ///   - timing: the durations of the lease.
  ///   - destination: what is there while this candidate leads.
  public init(
    key: String = "", candidate: Candidate, timing: Timing, store: any LeaseStore,
    destination: any ElectionDestination, logger: Logger,
    observe: @escaping @Sendable (Election.Report) -> Void = { _ in }
  ) {
    self.init(
      key: key, candidate: candidate, timing: timing, store: store, destination: destination,
      podLimits: PodLimits(), guardLink: nil, expectsNoPod: false, observe: observe, logger: logger)
  }

  private init(
    key: String, candidate: Candidate, timing: Timing, store: any LeaseStore,
    destination: any ElectionDestination, podLimits: PodLimits, guardLink: GuardLink?,
    expectsNoPod: Bool,
    observe: @escaping @Sendable (Election.Report) -> Void, logger: Logger
  ) {
    var election = Election(
      candidate: candidate, timing: timing, asksKubelet: destination.tellsOfEnd,
      podLimits: podLimits, jitter: .random(in: 0...0.2))
    if expectsNoPod { election.expectNoPod() }
    self.election = election
    self.store = store
    self.destination = destination
    self.guardLink = guardLink
    self.observe = observe
    self.logger = logger
    (self.events, self.inbox) = AsyncStream.makeStream()
    self.start = .now
    self.board = ElectionBoard(
      key: key, election: self.election, start: self.start, inbox: self.inbox)
  }

  /// Takes part in the election until it is told to stop.
  /// - Throws: ``ElectionServiceError`` when the destination could not be made absent at the end, or
  ///   when the guard was lost; then it has left the election in good order.
  public func run() async throws {
    let (events, inbox) = (self.events, self.inbox)
    inbox.yield(.started)
    let outcome = await withGracefulShutdownHandler {
      await withDiscardingTaskGroup { group in
        if let link = self.guardLink {
          group.addTask { if await link.lost() != nil { inbox.yield(.stop) } }
        }
        group.addTask { await self.destination.watch { inbox.yield(.filesChanged) } }
        let outcome = await self.carryOut(events, inbox, in: &group)
        group.cancelAll()
        return outcome
      }
    } onGracefulShutdown: {
      inbox.yield(.stop)
    }
    if let outcome {
      if let error = ElectionServiceError(outcome, guardLoss: self.guardLink?.loss) { throw error }
      return
    }
    // The task was cancelled.
    do {
      try await self.destination.remove()
    } catch {
      throw ElectionServiceError.manifestLeft("\(error)")
    }
  }

  /// What belongs to one run.
  private struct Run {
    var election: Election
    var loop = ElectorLoop()
    var alarm: AsyncStream<Never>.Continuation?
    var watch: AsyncStream<Never>.Continuation?
    var news = ElectionNews()
  }

  private var now: Instant { Instant(self.start.duration(to: .now)) }

  /// - Returns: `nil` when the task was cancelled.
  private func carryOut(
    _ events: AsyncStream<Election.Event>, _ inbox: AsyncStream<Election.Event>.Continuation,
    in group: inout DiscardingTaskGroup
  ) async -> Election.Outcome? {
    var run = Run(election: self.election)
    for await event in events {
      run.loop.receive(event)
      while let step = run.loop.next() {
        switch step {
        case .handle(let event):
          let effects = run.election.handle(event, at: self.now)
          for effect in effects {
            self.logger.trace("effect", metadata: ["effect": "\(effect)", "event": "\(event)"])
          }
          run.loop.decided(effects)
        case .carryOut(.finish(let outcome)):
          if run.election.podHasEnded { await self.destination.settle() }
          return outcome
        case .carryOut(let effect): await self.carryOut(effect, &run, inbox, in: &group)
        case .settled:
          let now = self.now
          self.board.update { [election = run.election] in $0.turned(election, at: now) }
        }
      }
    }
    return nil
  }

  private func carryOut(
    _ effect: Election.Effect, _ run: inout Run,
    _ inbox: AsyncStream<Election.Event>.Continuation, in group: inout DiscardingTaskGroup
  ) async {
    let start = self.start
    switch effect {
    case .removeManifest: run.loop.concluded(await self.remove())
    case .installManifest(let term, let before):
      let installation = await self.destination.install(
        term: term, before: start + before.sinceStart)
      run.loop.concluded(.installation(installation))
    case .extendManifest(let end):
      group.addTask { await self.destination.extend(to: start + end.sinceStart) }
    case .send(let request):
      group.addTask {
        let answer = await self.store.perform(request.kind)
        let lost = self.store.timeStoodStill
        // First, because the answer may grant a lease to a request that was sent before.
        if lost > .zero { inbox.yield(.stoodStill(total: lost)) }
        inbox.yield(.answered(id: request.id, answer))
      }
    case .watch(let id, let after):
      run.watch?.finish()
      run.watch = Self.addReplaceable(to: &group, inbox) {
        await self.change(id, after: after)
      }
    case .wake(let instant):
      run.alarm?.finish()
      run.alarm = Self.addReplaceable(to: &group, inbox) {
        try? await Task.sleep(until: start + instant.sinceStart, clock: .continuous)
        return .woke
      }
    case .awaitPodEnd(let id, let isYoung):
      group.addTask {
        switch await self.destination.awaitEnd(isYoung: isYoung) {
        case .ended: inbox.yield(.podEnded(id: id))
        case .overdue: inbox.yield(.podOverdue(id: id))
        case .unproven: inbox.yield(.podUnproven(id: id))
        }
      }
    case .observePod(let id):
      group.addTask { inbox.yield(.podObserved(id: id, await self.destination.observe())) }
    case .report(let report):
      self.observe(report)
      let now = self.now
      if run.news.isNews(report, at: now) { self.log(report, name: run.election.name) }
      self.board.update { $0.note(report, at: now) }
    case .finish: break
    }
  }

  /// Adds a task that brings one event, and that ends without it when the result is finished.
  private static func addReplaceable(
    to group: inout DiscardingTaskGroup, _ inbox: AsyncStream<Election.Event>.Continuation,
    _ work: @escaping @Sendable () async -> Election.Event
  ) -> AsyncStream<Never>.Continuation {
    let (replaced, handle) = AsyncStream.makeStream(of: Never.self)
    group.addTask {
      await withTaskGroup(of: Election.Event?.self) { race in
        race.addTask { await work() }
        race.addTask {
          for await _ in replaced {}
          return nil
        }
        if let event = await race.next() ?? nil { inbox.yield(event) }
        race.cancelAll()
      }
    }
    return handle
  }

  private func change(_ id: Int, after index: UInt64) async -> Election.Event {
    do {
      return .watched(id: id, try await self.store.nextChange(after: index))
    } catch {
      return .watchFailed(id: id, reason: "\(error)")
    }
  }

  private func remove() async -> Election.Event {
    do {
      try await self.destination.remove()
      return .removed
    } catch {
      return .removeFailed(reason: "\(error)")
    }
  }
}

/// Why the service ended badly.
public enum ElectionServiceError: Error, Equatable, CustomStringConvertible {
  /// The manifest may still be where the kubelet finds it.
  case manifestLeft(String)
  /// It was asked to stop by that.
  case guardLost(GuardLost)

  /// How an election that has ended in order is told of; `nil` for a good end.
  package init?(_ outcome: Election.Outcome, guardLoss: GuardLost?) {
    switch (outcome, guardLoss) {
    case (.clean, nil): return nil
    case (.clean, let loss?): self = .guardLost(loss)
    case (.manifestLeft(let reason), _): self = .manifestLeft(reason)
    }
  }

  public var description: String {
    switch self {
    case .guardLost(let loss): "\(loss): left the election"
    case .manifestLeft(let reason):
      "the manifest was left behind, remove it by hand: \(reason)"
    }
  }
}
