import Logging

/// The loop: what is wanted comes in, from the directory and from the API server, and what becomes of the
/// containers; what ``PodWorkers`` says is carried out.
extension FakeKubelet {
  /// What the loop takes in.
  enum Input: Sendable {
    case files(PodSources.Change)
    case api(APIPods.Findings)
    case pods(PodWorkers.Event)

    /// Who wants it.
    var source: PodManifest.Source {
      if case .api = self { .api } else { .file }
    }
  }

  /// Carries out what ``PodWorkers`` says, until the task is cancelled.
  /// - Parameter port: where the full port listens.
  func runPods(port: Int) async {
    defer { self.endChanges() }
    // Bounded by what is outstanding: two events per container, one per alarm, one per look; what the API
    // server wants is compared with what it wanted before.
    let (inputs, inbox) = AsyncStream.makeStream(of: Input.self)
    await withDiscardingTaskGroup { group in
      group.addTask { await self.watchManifests { inbox.yield(.files($0)) } }
      if let link = self.link {
        group.addTask { await link.run(port: port, start: self.start) { inbox.yield(.api($0)) } }
      }
      var sources = PodSources()
      var workers = PodWorkers(
        backOff: self.configuration.crashLoopBackOff,
        replacesBetweenPolls: self.configuration.kubeletVersion == nil,
        survivors: await self.runtime.survivors())
      var told: Set<PodManifest.Source> = []
      var signals: [ContainerID: AsyncStream<ContainerSignal>.Continuation] = [:]
      for await input in inputs {
        let events = Self.events(of: input, &sources)
        // What nobody wants ends before anything is begun; whoever may want it is heard first.
        for source in sources.told.subtracting(told) {
          told.insert(source)
          let orphans = workers.takeOrphans(
            besides: sources.manifests, from: self.link == nil ? nil : source)
          for orphan in orphans { await self.runtime.end(orphan) }
        }
        for event in events {
          let before = workers
          let effects = workers.handle(
            event, at: Instant(sinceStart: self.start.duration(to: .now)))
          self.publish(workers)
          self.link?.took(effects, from: before, to: workers)
          self.log(event, input.source)
          switch event {
          case .containerExited(let id, _), .containerFailedToStart(let id, _): signals[id] = nil
          default: break
          }
          for effect in effects {
            self.log(effect)
            await self.carryOut(effect, in: &group, &signals) { inbox.yield(.pods($0)) }
          }
        }
        self.link?.look(at: workers, sources, clock: self.clock)
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
      let change = sources.take(change, from: .file)
      return [
        .changed(removed: change.removed, added: change.added, updated: change.updated)
      ]
    case .api(let findings):
      let change = sources.take(findings.change, from: .api)
      let deleted = findings.deleted.map {
        PodWorkers.Event.deleted($0.name, uid: $0.uid, gracePeriod: $0.gracePeriod)
      }
      return
        (change == PodSources.Change()
        ? []
        : [.changed(removed: change.removed, added: change.added, updated: change.updated)])
        + deleted
    case .pods(let event): return [event]
    }
  }

  private func carryOut(
    _ effect: PodWorkers.Effect, in group: inout DiscardingTaskGroup,
    _ signals: inout [ContainerID: AsyncStream<ContainerSignal>.Continuation],
    _ tell: @escaping @Sendable (PodWorkers.Event) -> Void
  ) async {
    switch effect {
    case .startContainer(let id, let pod):
      let (told, continuation) = AsyncStream.makeStream(of: ContainerSignal.self)
      signals[id] = continuation
      group.addTask {
        let end = await self.runtime.run(id, of: pod, signals: told) {
          tell(.containerStarted(id))
        }
        switch end {
        case .exited(let code): tell(.containerExited(id, code: code))
        case .notStarted(let failure): tell(.containerFailedToStart(id, failure))
        }
      }
    case .runHook(let kind, let action, let id, let pod):
      group.addTask {
        let failure = await self.runtime.runHook(kind, action, in: id, of: pod)
        tell(.hookEnded(kind, id, failure: failure))
      }
    case .probe(let kind, let probe, let id, let pod, let runningFor):
      group.addTask {
        let result = await self.runtime.probe(
          kind, probe, of: id, of: pod, runningFor: runningFor)
        tell(.probed(kind, id, result))
      }
    case .signal(let signal, let id): signals[id]?.yield(signal)
    case .wake(let instant):
      group.addTask {
        let deadline = self.start + instant.sinceStart
        guard (try? await ContinuousClock().sleep(until: deadline)) != nil else { return }
        tell(.woke)
      }
    case .podEnded(_, let uid): await self.runtime.podEnded(uid: uid)
    case .report: break
    }
  }

  /// Reports what changes in the manifest directory, and logs what is wrong with it.
  private func watchManifests(_ report: (PodSources.Change) -> Void) async {
    let directory = self.configuration.manifestDirectory
    let node = PodManifest.Node(
      name: self.configuration.nodeName, allowsPrivileged: self.configuration.allowsPrivileged,
      kubeletVersion: self.configuration.kubeletVersion)
    var isFirst = true
    func take(_ findings: ManifestScanner.Findings) {
      self.published.withLock { $0.turnedAt = .now }
      self.log(findings)
      let change = PodSources.Change(
        removed: findings.removed, added: findings.added, updated: findings.updated)
      if isFirst || change != PodSources.Change() { report(change) }
      isFirst = false
    }
    if let version = self.configuration.kubeletVersion {
      var source = FileSource(directory: directory, node: node, version: version)
      await FileSourceDirectory(
        path: directory, version: version, checkFrequency: self.configuration.fileCheckFrequency,
        logger: self.logger
      ).look(list: { take(source.take($0)) }, change: { take(source.take($1, name: $0)) })
    } else {
      var scanner = ManifestScanner(directory: directory, node: node)
      await ManifestDirectory(
        path: directory, checkFrequency: self.configuration.fileCheckFrequency,
        logger: self.logger
      ).look { take(scanner.take($0)) }
    }
  }
}
