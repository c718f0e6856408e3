import DirectoryWatch
import Logging
import NIOPosix
import ServiceLifecycle

/// Carries out what ``Election`` says: it owns the clock, the store, the manifest and the tasks, and no
/// policy.
///
/// On a graceful shutdown the manifest is removed, the pod's end awaited, that it has ended recorded,
/// and the lease released, in that order; a cancelled task removes the manifest and leaves the lease to
/// expire.
public struct ElectionService: Service {
  private let election: Election
  private let store: any LeaseStore
  private let manifest: ManifestFile
  private let keeper: ManifestKeeper
  private let kubelet: Kubelet?
  private let events: AsyncStream<Election.Event>
  private let inbox: AsyncStream<Election.Event>.Continuation
  private let start: ContinuousClock.Instant
  /// Where it can be looked at while it runs.
  public let board: ElectionBoard
  let logger: Logger

  /// - Parameters:
  ///   - key: what the lock is called where it is looked at.
  ///   - candidate: `name` is what the key is to hold, `--whoami`.
  ///   - kubelet: whom to ask when a pod has ended; without it the longest time that a kubelet may take
  ///     is waited for.
  ///   - podLimits: what the kubelet has to say of the pod, so that we keep the lock.
  ///   - guardLink: the way to the guard that owns the manifest; `nil` when there is none.
  public init(
    key: String = "", candidate: Candidate, timing: Timing, store: any LeaseStore,
    manifest: ManifestFile,
    kubelet: Kubelet? = nil, podLimits: PodLimits = PodLimits(), guardLink: GuardLink? = nil,
    logger: Logger
  ) {
    self.election = Election(
      candidate: candidate, timing: timing, asksKubelet: kubelet != nil, podLimits: podLimits)
    self.store = store
    self.manifest = manifest
    self.keeper = ManifestKeeper(file: manifest, link: guardLink)
    self.kubelet = kubelet
    self.logger = logger
    (self.events, self.inbox) = AsyncStream.makeStream()
    self.start = .now
    self.board = ElectionBoard(
      key: key, election: self.election, start: self.start, inbox: self.inbox)
  }

  /// Takes part in the election until it is told to stop.
  /// - Throws: ``ElectionServiceError`` when the manifest could not be removed at the end, or when the
  ///   guard was lost; then it has left the election in good order.
  public func run() async throws {
    let (events, inbox) = (self.events, self.inbox)
    inbox.yield(.started)
    let outcome = await withGracefulShutdownHandler {
      await withDiscardingTaskGroup { group in
        if let link = self.keeper.link {
          group.addTask { if await link.lost() != nil { inbox.yield(.stop) } }
        }
        if let kubelet = self.kubelet {
          group.addTask { if let reason = await kubelet.trouble() { self.tell(kubelet, reason) } }
        }
        for path in [self.manifest.source, self.manifest.destination] {
          group.addTask { await self.watchFile(path, inbox) }
        }
        let outcome = await self.carryOut(events, inbox, in: &group)
        group.cancelAll()
        return outcome
      }
    } onGracefulShutdown: {
      inbox.yield(.stop)
    }
    switch outcome {
    case .clean: if let loss = self.keeper.link?.loss { throw ElectionServiceError.guardLost(loss) }
    case .manifestLeft(let reason): throw ElectionServiceError.manifestLeft(reason)
    // The task was cancelled: what must be done is done here and now, without the pool.
    case nil:
      do throws(ManifestError) {
        try self.manifest.remove()
      } catch {
        throw ElectionServiceError.manifestLeft(error.description)
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
    // What the guard was told last.
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
            pending.append(
              await self.keeper.installation(term: term, before: start + before.sinceStart))
          case .send(let request):
            group.addTask {
              inbox.yield(
                .answered(id: request.id, await self.store.perform(request.kind)))
            }
          case .watch(let id, let after):
            watch?.finish()
            watch = Self.addReplaceable(to: &group, inbox) {
              .watched(id: id, await self.store.nextChange(after: after))
            }
          case .wake(let instant):
            alarm?.finish()
            alarm = Self.addReplaceable(to: &group, inbox) {
              try? await Task.sleep(until: start + instant.sinceStart, clock: .continuous)
              return .woke
            }
          case .awaitPodEnd(let id):
            group.addTask {
              inbox.yield(await self.awaitPodEnd() ? .podEnded(id: id) : .podOverdue(id: id))
            }
          case .observePod(let id):
            group.addTask { inbox.yield(.podObserved(id: id, await self.observePod())) }
          case .report(let report):
            self.log(report, name: election.name)
            let now = Instant(start.duration(to: .now))
            self.board.update { $0.note(report, at: now) }
          case .finish(let outcome):
            return outcome
          }
        }
        let now = Instant(start.duration(to: .now))
        self.board.update { $0.turned(election, at: now) }
        if self.keeper.link != nil, let end = election.manifestEnd, end != manifestEnd {
          manifestEnd = end
          group.addTask { await self.keeper.extend(to: start + end.sinceStart) }
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

  private func remove() async -> Election.Event {
    do {
      try await self.keeper.remove()
      return .removed
    } catch {
      return .removeFailed(reason: "\(error)")
    }
  }

  /// - Returns: whether the pod has ended.
  private func awaitPodEnd() async -> Bool {
    let timing = self.election.timing
    let pod = try? await NIOThreadPool.singleton.runIfActive { [manifest] in manifest.elected() }
    guard let kubelet, let pod = pod ?? nil else {
      self.logger.warning(
        "cannot tell which pod to ask the kubelet for, waiting for as long as one may take to end",
        metadata: ["source": "\(self.manifest.source)", "for": "\(timing.podTime)"])
      return (try? await Task.sleep(for: timing.podTime)) != nil
    }
    return await kubelet.awaitEnd(of: pod, detection: timing.podStop.detection)
  }

  /// - Returns: `nil` when the kubelet does not say.
  private func observePod() async -> PodObservation? {
    let pod = try? await NIOThreadPool.singleton.runIfActive { [manifest] in manifest.elected() }
    guard let kubelet, let pod = pod ?? nil else { return nil }
    return await kubelet.observe(pod)
  }

  private func tell(_ kubelet: Kubelet, _ reason: String) {
    self.logger.warning(
      "cannot ask the kubelet, which may start later; until it answers the longest times are waited for",
      metadata: ["kubelet": "\(kubelet.url)", "reason": "\(reason)"])
  }

  /// Tells of changes for as long as the directory is there; without it, the look at each `--sleep`
  /// remains.
  private func watchFile(
    _ path: String, _ inbox: AsyncStream<Election.Event>.Continuation
  ) async {
    let directory = ManifestFile.directory(of: path)
    let name = ManifestFile.name(of: path)
    while !Task.isCancelled {
      if let events = try? DirectoryWatch.events(of: directory) {
        // It may have changed while nobody looked.
        inbox.yield(.filesChanged)
        // A name with two dots is how a mounted ConfigMap changes all of its files at once.
        for await event in events
        where event.name == nil || event.name == name || event.name?.hasPrefix("..") == true {
          inbox.yield(.filesChanged)
        }
      }
      try? await Task.sleep(for: self.election.timing.sleep)
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
