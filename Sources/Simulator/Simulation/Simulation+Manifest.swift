import Elector

/// An elector's work at its manifest, and its requests to its guard: ``ManifestChange`` decides the steps,
/// ``GuardRequests`` the meaning of answers and silence.
extension Simulation {
  // MARK: Installation and removal

  mutating func begin(_ change: ManifestChange, _ node: Int, _ elector: SimulatedElector<Core>) {
    elector.change = change
    elector.content = nil
    self.carryOut(change.first, node, elector)
  }

  private mutating func carryOut(
    _ step: ManifestChange.Step, _ node: Int, _ elector: SimulatedElector<Core>
  ) {
    elector.step = step
    switch step {
    case .removeFile:
      self.agenda.add(
        .electorFileDone(node, life: elector.life), at: self.now + self.chance.span(0...3_000_000))
    case .makeContent:
      elector.content = self.content(node, elector)
      self.agenda.add(
        .electorFileDone(node, life: elector.life),
        at: self.now + self.fileTime(node, ofGuard: false))
    case .placeContent: preconditionFailure("an elector without a guard")
    case .askGuard:
      let kind = elector.content.map {
        GuardRequest.Kind.install(until: $0.until, content: $0.bytes)
      }
      elector.changeRequest = self.ask(kind ?? .remove, node, elector)
      if elector.changeRequest == nil { self.conclude(.lost(.closed), node, elector) }
    case .end(.removal(let failure), _):
      elector.loop.concluded(failure.map { .removeFailed(reason: $0) } ?? .removed)
    case .end(.installation(let installation), let mayBeThere):
      if mayBeThere, let content = elector.content {
        elector.copy.installed(
          content.bytes, madeOf: Self.source, content.deadline, at: self.bootInstant(node)
        ) { [state = self.nodes[node]] _ in state.electedPod }
      }
      elector.loop.concluded(Election.Event(installation))
    }
  }

  /// The source of every copy; it never changes.
  private static var source: [UInt8] { [] }

  private func content(_ node: Int, _ elector: SimulatedElector<Core>) -> ManifestContent? {
    let now = self.bootInstant(node)
    let deadline = elector.copy.deadline(until: elector.installsUntil, at: now) {
      "\(self.nodes[node].name)-\(elector.life)-\(now.nanoseconds)"
    }
    if deadline == .tooLate { return nil }
    return ManifestContent(
      bytes: ManifestText.bytes(deadline), deadline: deadline, until: elector.installsUntil)
  }

  mutating func electorFileDone(_ node: Int, _ life: Int) {
    guard let elector = self.elector(node, life), var change = elector.change else { return }
    guard elector.stoppedUntil <= self.now else {
      self.agenda.add(.electorFileDone(node, life: life), at: elector.stoppedUntil)
      return
    }
    self.haveWaited(&elector.waitsUntil)
    let step: ManifestChange.Step
    if elector.step == .removeFile {
      let isThere = self.nodes[node].manifest != nil
      elector.copy.willBeRemoved(leftOver: isThere ? self.nodes[node].electedPod : nil)
      self.setManifest(node, nil)
      elector.copy.removed()
      step = change.removedFile(failure: nil)
    } else {
      step = change.made(self.result(ofContent: node, elector))
    }
    elector.change = change
    self.carryOut(step, node, elector)
    self.turnElector(node)
  }

  /// Without a source, an installed manifest stays and its deadline moves on.
  private func result(
    ofContent node: Int, _ elector: SimulatedElector<Core>
  ) -> ManifestChange.Content {
    let reason = "cannot read the source"
    let isLost = self.nodes[node].lostSourceUntil > self.now
    if isLost, elector.copy.bytes == nil || elector.copy.bytes != self.nodes[node].manifest?.bytes {
      return .failed(reason: reason, isUntouched: true)
    }
    return elector.content == nil ? .tooLate : .made(keptBecause: isLost ? reason : nil)
  }

  private mutating func conclude(
    _ conclusion: GuardRequests.Conclusion, _ node: Int, _ elector: SimulatedElector<Core>
  ) {
    guard let change = elector.change else { return }
    elector.changeRequest = nil
    self.carryOut(change.answered(conclusion), node, elector)
  }

  /// The time of a file operation. A process that waits for its disk does nothing else, so the other one of
  /// elector and guard has to be well.
  mutating func fileTime(_ node: Int, ofGuard: Bool) -> Nanoseconds {
    let isOtherWell = ofGuard ? self.isElectorWell(node) : self.isGuardWell(node)
    guard isOtherWell, self.nodes[node].slowFilesUntil > self.now else {
      return self.chance.span(0...5_000_000)
    }
    let time = self.chance.span(0...15_000_000_000)
    if ofGuard {
      self.nodes[node].guardian?.waitsUntil = self.now + time
    } else {
      self.nodes[node].elector?.waitsUntil = self.now + time
    }
    return time
  }

  /// A slow operation is trouble up to its end, even if the fault was over before.
  mutating func haveWaited(_ until: inout Nanoseconds) {
    if until > 0 { (until, self.lastTrouble) = (0, self.now) }
  }

  // MARK: The guard

  /// Asks the guard.
  /// - Returns: the request's number; `nil` when the guard is lost.
  @discardableResult
  mutating func ask(
    _ kind: GuardRequest.Kind, _ node: Int, _ elector: SimulatedElector<Core>
  ) -> UInt32? {
    guard let guardian = self.nodes[node].guardian, let request = elector.requests.send(kind)
    else { return nil }
    let life = elector.life
    self.agenda.add(
      .requestReaches(node, life: guardian.life, request),
      at: self.now + self.chance.span(0...500_000))
    if case .install(let until, _) = kind {
      let limit = self.nodes[node].clock.time(of: until.nanoseconds)
      self.agenda.add(
        .guardLimit(node, life: life, request: request.id), at: max(self.now, limit))
    }
    self.agenda.add(
      .guardOverdue(node, life: life, request: request.id),
      at: self.now + Nanoseconds(self.nodes[node].timing.margin))
    return request.id
  }

  mutating func guardAnswered(_ node: Int, _ life: Int, _ answer: GuardAnswer) {
    guard let elector = self.elector(node, life),
      let conclusion = elector.requests.answered(answer)
    else { return }
    self.learn(conclusion, of: answer.id, node, elector)
  }

  /// The limit of a request's sender has passed.
  mutating func guardLimitReached(_ node: Int, _ life: Int, _ id: UInt32) {
    guard let elector = self.elector(node, life) else { return }
    // A stopped process finds its timers when it continues.
    guard elector.stoppedUntil <= self.now else {
      self.agenda.add(
        .guardLimit(node, life: life, request: id), at: elector.stoppedUntil + .milliseconds(1))
      return
    }
    guard let conclusion = elector.requests.reachedLimit(of: id) else { return }
    self.learn(conclusion, of: id, node, elector)
  }

  /// A request has been open for as long as a guard may take.
  mutating func guardIsOverdue(_ node: Int, _ life: Int, _ id: UInt32) {
    guard let elector = self.elector(node, life) else { return }
    guard elector.stoppedUntil <= self.now else {
      self.agenda.add(
        .guardOverdue(node, life: life, request: id), at: elector.stoppedUntil + .milliseconds(1))
      return
    }
    let patience = self.nodes[node].timing.margin
    if elector.requests.ranOutOfPatience(with: id, after: patience) { self.loseGuard(node) }
  }

  /// One side has closed the connection of elector and guard.
  mutating func loseGuard(_ node: Int) {
    guard let elector = self.nodes[node].elector, elector.requests.loss == nil else { return }
    self.tell(.elector(node), "has lost its guard")
    let (ids, loss) = elector.requests.closed()
    self.hangUp(on: node, elector.life)
    elector.loop.receive(.stop)
    for id in ids { self.learn(.lost(loss), of: id, node, elector) }
    self.turnElector(node)
  }

  private mutating func learn(
    _ conclusion: GuardRequests.Conclusion, of id: UInt32, _ node: Int,
    _ elector: SimulatedElector<Core>
  ) {
    // An extension's answer only shows that the guard lives.
    guard elector.changeRequest == id else { return }
    self.conclude(conclusion, node, elector)
    self.turnElector(node)
  }

  // MARK: The pods' end

  /// No id that the core uses.
  private static var pastQuestion: Int { -1 }

  /// Waits for the end of the pods of an earlier process, once the destination was found absent.
  mutating func pollPast(_ node: Int, _ life: Int) {
    guard let elector = self.elector(node, life) else { return }
    switch elector.copy.past {
    case .notYet:
      self.agenda.add(
        .pastPolled(node, life: life),
        at: max(self.now + .milliseconds(20), elector.stoppedUntil))
    case .pods(let pods): self.watchPod(node, elector, Self.pastQuestion, pods)
    case .superseded: break
    }
  }

  mutating func watchPod(
    _ node: Int, _ elector: SimulatedElector<Core>, _ id: Int, _ pods: ManifestCopy.Pods
  ) {
    elector.podWatches[id] = PodWatch(
      watch: PodEndWatch(
        detection: self.nodes[node].timing.podStop.detection,
        grace: elector.copy.pod?.grace ?? self.nodes[node].grace.duration,
        isOnlyOne: pods.isOnlyOne),
      since: self.now, pods: pods)
    self.agenda.add(.podAsked(node, life: elector.life, id), at: self.now + .milliseconds(1))
  }

  mutating func askForPod(_ node: Int, _ life: Int, _ id: Int) {
    guard let elector = self.elector(node, life), let asked = elector.podWatches[id] else {
      return
    }
    var watch = asked.watch
    guard elector.stoppedUntil <= self.now else {
      self.agenda.add(.podAsked(node, life: life, id), at: elector.stoppedUntil + .milliseconds(1))
      return
    }
    let kubelet = self.nodes[node].kubelet
    let elapsed =
      self.nodes[node].clock.reading(at: self.now)
      - self.nodes[node].clock.reading(at: asked.since)
    let step = watch.heard(
      isListed: kubelet.isUp ? kubelet.pod != nil || !kubelet.running.isEmpty : nil,
      after: elapsed.duration)
    self.nodes[node].elector?.podWatches[id]?.watch = watch
    switch step {
    case .ask(let pause):
      self.agenda.add(.podAsked(node, life: life, id), at: self.now + Nanoseconds(pause))
    case .ended:
      elector.copy.ended(asked.pods)
      if id == Self.pastQuestion { return }
      self.deliver(.podEnded(id: id), toElector: node, life)
    case .overdue where id == Self.pastQuestion: break
    case .overdue: self.deliver(.podOverdue(id: id), toElector: node, life)
    }
  }
}
