import Logging
import ServiceLifecycle

/// The loop: it feeds ``PodWorkers`` with changes of the directory, of the API server and of containers, and
/// carries out its effects.
extension FakeKubelet {
  /// An input of the loop.
  enum Input: Sendable {
    case files(PodSources.Change)
    case api(APIPods.Changes)
    case pods(PodWorkers.Event)
    /// The removal of a young pod is due.
    case removal(PodName)
    /// The kubelet is to stop.
    case stop

    /// The source of the pods.
    var source: PodManifest.Source {
      if case .api = self { .api } else { .file }
    }
  }

  /// Runs the loop until the task is cancelled, or has ended all containers after ``FakeKubelet/stop()``.
  /// - Parameter port: the full port.
  func runPods(port: Int) async {
    defer { self.endChanges() }
    // Bounded: two events per container, one per alarm, one per list; the API server's pods are compared
    // with the former ones first.
    let (inputs, inbox) = AsyncStream.makeStream(of: Input.self)
    await withDiscardingTaskGroup { group in
      group.addTask { await self.watchManifests { inbox.yield(.files($0)) } }
      group.addTask {
        for await _ in self.stops.stream { inbox.yield(.stop) }
      }
      if let link = self.link {
        group.addTask { await link.run(port: port, start: self.start) { inbox.yield(.api($0)) } }
      }
      var sources = PodSources()
      var workers = PodWorkers(
        backOff: self.configuration.crashLoopBackOff,
        replacesBetweenPolls: self.configuration.kubeletVersion == nil,
        survivors: await self.runtime.survivors())
      var withheld = WithheldRemovals()
      var seen: Set<PodManifest.Source> = []
      var signals: [ContainerID: AsyncStream<ContainerSignal>.Continuation] = [:]
      for await input in inputs {
        if case .stop = input, !self.runtime.endsContainersInOrder { break }
        var events = Self.events(of: input, &sources)
        let keepsOrphans =
          self.configuration.apiServers?.keepsOrphans == true && !sources.reported.contains(.api)
        // Survivors without a pod are stopped before any pod starts, once their source has reported.
        for source in keepsOrphans ? [] : sources.reported.subtracting(seen) {
          seen.insert(source)
          let orphans = workers.removeOrphans(
            besides: sources.manifests, from: self.link == nil ? nil : source)
          for orphan in orphans { await self.runtime.end(orphan) }
        }
        events = self.withhold(events, of: input, keepsOrphans: keepsOrphans, &withheld, workers) {
          name in
          group.addTask {
            guard (try? await Task.sleep(for: self.configuration.youngPodDelay)) != nil else {
              return
            }
            inbox.yield(.removal(name))
          }
        }
        for event in events {
          let before = workers
          let effects = workers.handle(event, at: self.now)
          self.publish(workers)
          self.link?.recordEvents(of: effects, from: before, to: workers)
          self.log(event, input.source)
          switch event {
          case .containerExited(let id, _), .containerFailedToStart(let id, _): signals[id] = nil
          default: break
          }
          for effect in effects {
            self.log(effect)
            await self.perform(effect, in: &group, &signals) { inbox.yield(.pods($0)) }
          }
        }
        self.link?.update(workers, sources, clock: self.clock)
        if workers.haveStopped { break }
      }
      group.cancelAll()
    }
    await self.runtime.shutDown()
  }

  private static func events(
    of input: Input, _ sources: inout PodSources
  ) -> [PodWorkers.Event] {
    switch input {
    case .files(let change):
      let change = sources.apply(change, from: .file)
      return [
        .changed(removed: change.removed, added: change.added, updated: change.updated)
      ]
    case .api(let changes):
      let change = sources.apply(changes.change, from: .api)
      let deleted = changes.deleted.map {
        PodWorkers.Event.deleted($0.name, uid: $0.uid, gracePeriod: $0.gracePeriod)
      }
      return
        (change == PodSources.Change()
        ? []
        : [.changed(removed: change.removed, added: change.added, updated: change.updated)])
        + deleted
    case .pods(let event): return [event]
    case .removal: return []
    case .stop: return [.stopping]
    }
  }

  /// A pod younger than this is stopped later, ``FakeKubeletConfiguration/youngPodDelay``.
  private static let youth = Duration.seconds(10)

  /// Withholds removals of static pods that a real kubelet would not carry out yet, and adds those that are due.
  /// - Parameter delay: called with each young pod whose removal is to come later.
  private func withhold(
    _ events: [PodWorkers.Event], of input: Input, keepsOrphans: Bool,
    _ withheld: inout WithheldRemovals, _ workers: PodWorkers, delay: (PodName) -> Void
  ) -> [PodWorkers.Event] {
    let now = self.now
    func isYoung(_ name: PodName) -> Bool {
      self.configuration.youngPodDelay > .zero
        && workers.running[name].map { now - $0.startedAt < Self.youth } == true
    }
    var events = events.map { event in
      guard case .files = input, case .changed(let removed, let added, let updated) = event else {
        return event
      }
      for name in removed where !keepsOrphans && isYoung(name) { delay(name) }
      let change = withheld.pass(
        PodSources.Change(removed: removed, added: added, updated: updated),
        isWithheld: { keepsOrphans && workers.running[$0] != nil || isYoung($0) },
        uid: { workers.running[$0]?.manifest.uid })
      return .changed(removed: change.removed, added: change.added, updated: change.updated)
    }
    var due = PodSources.Change()
    switch input {
    case .api where self.configuration.apiServers?.keepsOrphans == true && !keepsOrphans:
      due = withheld.release()
    case .removal(let name) where !keepsOrphans: due = withheld.release(name)
    case .api, .removal, .files, .pods, .stop: break
    }
    if due != PodSources.Change() {
      events.append(.changed(removed: due.removed, added: due.added, updated: due.updated))
    }
    return events
  }

  private func perform(
    _ effect: PodWorkers.Effect, in group: inout DiscardingTaskGroup,
    _ signals: inout [ContainerID: AsyncStream<ContainerSignal>.Continuation],
    _ send: @escaping @Sendable (PodWorkers.Event) -> Void
  ) async {
    switch effect {
    case .startContainer(let id, let pod):
      let (received, continuation) = AsyncStream.makeStream(of: ContainerSignal.self)
      signals[id] = continuation
      group.addTask {
        let end = await self.runtime.run(id, of: pod, signals: received) {
          send(.containerStarted(id))
        }
        switch end {
        case .exited(let code, let message):
          if !message.isEmpty { send(.containerSaid(id, message)) }
          send(.containerExited(id, code: code))
        case .notStarted(let failure): send(.containerFailedToStart(id, failure))
        }
      }
    case .runHook(let kind, let action, let id, let pod):
      group.addTask {
        let failure = await self.runtime.runHook(kind, action, in: id, of: pod)
        send(.hookEnded(kind, id, failure: failure))
      }
    case .probe(let kind, let probe, let id, let pod, let runningFor):
      group.addTask {
        let result = await self.runtime.probe(
          kind, probe, of: id, of: pod, runningFor: runningFor)
        send(.probed(kind, id, result))
      }
    case .signal(let signal, let id): signals[id]?.yield(signal)
    case .wake(let instant):
      group.addTask {
        let deadline = self.start + instant.sinceStart
        guard (try? await ContinuousClock().sleep(until: deadline)) != nil else { return }
        send(.woke)
      }
    case .podEnded(_, let uid): await self.runtime.podEnded(uid: uid)
    case .report: break
    }
  }

  /// Reports changes of the manifest directory, and logs its errors.
  private func watchManifests(_ report: (PodSources.Change) -> Void) async {
    let directory = self.configuration.manifestDirectory
    let node = PodManifest.Node(
      name: self.configuration.nodeName, allowsPrivileged: self.configuration.allowsPrivileged,
      kubeletVersion: self.configuration.kubeletVersion)
    var isFirst = true
    func apply(_ changes: ManifestChanges) {
      self.published.withLock { $0.turnedAt = .now }
      self.log(changes)
      let change = PodSources.Change(
        removed: changes.removed, added: changes.added, updated: changes.updated)
      if isFirst || change != PodSources.Change() { report(change) }
      isFirst = false
    }
    if let version = self.configuration.kubeletVersion {
      var scanner = ReleaseScanner(directory: directory, node: node, version: version)
      await ReleaseDirectory(
        path: directory, version: version, checkFrequency: self.configuration.fileCheckFrequency,
        logger: self.logger
      ).watch(
        list: { apply(scanner.apply($0)) }, change: { apply(scanner.apply($1, name: $0)) })
    } else {
      var scanner = ManifestScanner(directory: directory, node: node)
      await ManifestDirectory(
        path: directory, checkFrequency: self.configuration.fileCheckFrequency,
        logger: self.logger
      ).watch { apply(scanner.scan($0)) }
    }
  }
}
