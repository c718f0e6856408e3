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

  /// A service that elects who has a manifest in its kubelet's directory.
  /// - Parameters:
  ///   - key: what the lock is called where it is looked at.
  ///   - candidate: `name` is what the key is to hold, `--whoami`.
  ///   - kubelet: whom to ask when a pod has ended; without it the longest time that a kubelet may take
  ///     is waited for.
  ///   - podLimits: what the kubelet has to say of the pod, so that we keep the lock.
  ///   - guarded: the manifest with the guard that owns it; `nil` when there is none.
  public init(
    key: String = "", candidate: Candidate, timing: Timing, store: any LeaseStore,
    manifest: ManifestFile,
    kubelet: Kubelet? = nil, podLimits: PodLimits = PodLimits(),
    guarded: ManifestGuard? = nil, logger: Logger
  ) {
    let destination = ManifestDestination(
      keeper: ManifestKeeper(file: manifest, guarded: guarded), kubelet: kubelet, timing: timing,
      logger: logger)
    self.init(
      key: key, candidate: candidate, timing: timing, store: store, destination: destination,
      podLimits: podLimits, guardLink: guarded?.link, observe: { _ in }, logger: logger)
  }

  /// A service that elects who has whatever else there is to have.
  /// - Parameters:
  ///   - key: what the lock is called where it is looked at.
  ///   - candidate: `name` is what the key is to hold. `bootID` must not be empty, and two candidates
  ///     that can lead at the same time must not be equal: a term that an equal one left behind is
  ///     taken for our own.
  ///   - observe: is told what is logged, before it is.
  public init(
    key: String = "", candidate: Candidate, timing: Timing, store: any LeaseStore,
    destination: any ElectionDestination, logger: Logger,
    observe: @escaping @Sendable (Election.Report) -> Void = { _ in }
  ) {
    self.init(
      key: key, candidate: candidate, timing: timing, store: store, destination: destination,
      podLimits: PodLimits(), guardLink: nil, observe: observe, logger: logger)
  }

  private init(
    key: String, candidate: Candidate, timing: Timing, store: any LeaseStore,
    destination: any ElectionDestination, podLimits: PodLimits, guardLink: GuardLink?,
    observe: @escaping @Sendable (Election.Report) -> Void, logger: Logger
  ) {
    self.election = Election(
      candidate: candidate, timing: timing, asksKubelet: destination.tellsOfEnd,
      podLimits: podLimits, jitter: .random(in: 0...0.2))
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
    switch outcome {
    case .clean: if let loss = self.guardLink?.loss { throw ElectionServiceError.guardLost(loss) }
    case .manifestLeft(let reason): throw ElectionServiceError.manifestLeft(reason)
    // The task was cancelled.
    case nil:
      do {
        try await self.destination.remove()
      } catch {
        throw ElectionServiceError.manifestLeft("\(error)")
      }
    }
  }

  /// - Returns: `nil` when the task was cancelled.
  private func carryOut(
    _ events: AsyncStream<Election.Event>, _ inbox: AsyncStream<Election.Event>.Continuation,
    in group: inout DiscardingTaskGroup
  ) async -> Election.Outcome? {
    var election = self.election
    let start = self.start
    var alarm: AsyncStream<Never>.Continuation?
    var watch: AsyncStream<Never>.Continuation?
    var news = ElectionNews()
    // What the destination was told last.
    var manifestEnd: Instant?
    for await event in events {
      // What became of the files is dealt with before anything else that waits.
      var pending = [event]
      while !pending.isEmpty {
        let event = pending.removeFirst()
        for effect in election.handle(event, at: Instant(start.duration(to: .now))) {
          self.logger.trace("effect", metadata: ["effect": "\(effect)", "event": "\(event)"])
          switch effect {
          case .removeManifest:
            pending.append(await self.remove())
          case .installManifest(let term, let before):
            manifestEnd = before
            pending.append(await self.install(term: term, before: start + before.sinceStart))
          case .send(let request):
            group.addTask {
              inbox.yield(
                .answered(id: request.id, await self.store.perform(request.kind)))
            }
          case .watch(let id, let after):
            watch?.finish()
            watch = Self.addReplaceable(to: &group, inbox) {
              await self.change(id, after: after)
            }
          case .wake(let instant):
            alarm?.finish()
            alarm = Self.addReplaceable(to: &group, inbox) {
              try? await Task.sleep(until: start + instant.sinceStart, clock: .continuous)
              return .woke
            }
          case .awaitPodEnd(let id):
            group.addTask {
              inbox.yield(
                await self.destination.awaitEnd() ? .podEnded(id: id) : .podOverdue(id: id))
            }
          case .observePod(let id):
            group.addTask { inbox.yield(.podObserved(id: id, await self.destination.observe())) }
          case .report(let report):
            self.observe(report)
            if news.isNews(report) { self.log(report, name: election.name) }
            let now = Instant(start.duration(to: .now))
            self.board.update { $0.note(report, at: now) }
          case .finish(let outcome):
            return outcome
          }
        }
        let now = Instant(start.duration(to: .now))
        self.board.update { $0.turned(election, at: now) }
        if let end = election.manifestEnd, end != manifestEnd {
          manifestEnd = end
          group.addTask { await self.destination.extend(to: start + end.sinceStart) }
        }
      }
    }
    return nil
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

  private func install(term: UInt64, before end: ContinuousClock.Instant) async -> Election.Event {
    switch await self.destination.install(term: term, before: end) {
    case .installed: .installed
    case .kept(let reason): .kept(reason: reason)
    case .tooLate: .installTooLate
    case .failed(let reason, let isUntouched):
      .installFailed(reason: reason, isUntouched: isUntouched)
    case .lost: .stop
    }
  }
}

/// Why the service ended badly.
public enum ElectionServiceError: Error, Equatable, CustomStringConvertible {
  /// The manifest may still be where the kubelet finds it.
  case manifestLeft(String)
  /// It was asked to stop by that.
  case guardLost(GuardLost)

  public var description: String {
    switch self {
    case .guardLost(let loss): "\(loss): left the election"
    case .manifestLeft(let reason):
      "the manifest was left behind, remove it by hand: \(reason)"
    }
  }
}
