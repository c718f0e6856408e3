import Elector
import Stories

/// An elector's work at its manifest, and its requests to its guard: ``ManifestChange`` decides the steps,
/// ``GuardRequests`` the meaning of answers and silence.
extension Simulation {
  // MARK: Installation and removal

  mutating func begin(_ change: ManifestChange, _ elector: SimulatedElector<Core>) {
    elector.change = change
    elector.content = nil
    self.carryOut(change.first, elector)
  }

  private mutating func carryOut(
    _ step: ManifestChange.Step, _ elector: SimulatedElector<Core>
  ) {
    elector.step = step
    switch step {
    case .removeFile, .tryDisk: self.useDisk(elector, for: self.chance.span(0...3_000_000))
    case .makeContent:
      elector.content = self.content(elector)
      if elector.content != nil { self.nodes[elector.node].isMarked = true }
      self.useDisk(elector, for: self.fileTime(elector))
    case .placeContent: preconditionFailure("an elector without a guard")
    case .askGuard:
      let kind = elector.content.map {
        GuardRequest.Kind.install(
          until: $0.until, content: ManifestBytes($0.bytes), before: $0.before)
      }
      elector.changeRequest = self.ask(kind ?? .remove, elector)
      if elector.changeRequest == nil { self.conclude(.lost(.closed), elector) }
    case .end(.removal(let failure), _):
      elector.loop.concluded(failure.map { .removeFailed(reason: $0) } ?? .removed)
    case .end(.installation(let installation), let mayBeThere):
      if mayBeThere, let content = elector.content {
        elector.copy.installed(
          content.bytes, madeOf: Self.source, content.deadline, at: self.bootInstant(elector.node)
        ) { [state = self.nodes[elector.node]] _ in state.electedPod }
      }
      elector.loop.concluded(.installation(installation))
    }
  }

  /// An elector waits for its disk no longer than its patience, and what hangs ends with the fault. Until then
  /// everything else fails at once, as in `ManifestDisk`.
  private mutating func useDisk(_ elector: SimulatedElector<Core>, for time: Nanoseconds) {
    let end = self.nodes[elector.node].end(of: .hungDisk)
    let patience = Nanoseconds(self.nodes[elector.node].timing.diskPatience)
    if elector.diskHangsUntil > self.now {
      self.at(self.now + .milliseconds(1), elector, afterStop: 0) { $0.diskHangs(elector) }
    } else if end > self.now + patience {
      elector.diskHangsUntil = end
      let isRemoval = elector.step == .removeFile
      self.at(end, elector, afterStop: 0) { if isRemoval { $0.removeFile(elector) } }
      self.at(self.now + patience, elector, afterStop: 0) { $0.diskHangs(elector) }
    } else {
      self.at(max(end, self.now + time), elector, afterStop: 0) { $0.fileIsDone(elector) }
    }
  }

  private mutating func diskHangs(_ elector: SimulatedElector<Core>) {
    guard var change = elector.change else { return }
    let reason = "the disk hangs"
    let step =
      switch elector.step {
      case .removeFile: change.removedFile(failure: reason)
      case .tryDisk: change.triedDisk(failure: reason)
      default: change.sourceHangs(reason)
      }
    elector.change = change
    self.carryOut(step, elector)
    self.turn(elector)
  }

  /// - Returns: why it failed.
  @discardableResult
  private mutating func removeFile(_ elector: SimulatedElector<Core>) -> String? {
    let node = elector.node
    let isThere = self.nodes[node].manifest != nil
    elector.copy.willBeRemoved(leftOver: isThere ? self.nodes[node].electedPod : nil)
    if isThere, self.isReadOnly(node) { return "read-only file system" }
    self.setManifest(node, nil)
    elector.copy.removed(wasThere: isThere)
    return nil
  }

  func isReadOnly(_ node: Int) -> Bool { self.nodes[node].end(of: .readOnlyDisk) > self.now }

  /// The source of every copy; it never changes.
  private static var source: [UInt8] { [] }

  private func content(_ elector: SimulatedElector<Core>) -> ManifestContent? {
    let now = self.bootInstant(elector.node)
    let deadline = elector.copy.deadline(until: elector.installsUntil, at: now) {
      "\(self.nodes[elector.node].name)-\(elector.life)-\(now.nanoseconds)"
    }
    if deadline == .tooLate { return nil }
    return ManifestContent(
      bytes: ManifestText.bytes(deadline), deadline: deadline, until: elector.installsUntil,
      before: elector.copy.firstWriteEnd)
  }

  private mutating func fileIsDone(_ elector: SimulatedElector<Core>) {
    guard var change = elector.change else { return }
    let node = elector.node
    self.haveWaited(elector)
    let step: ManifestChange.Step
    switch elector.step {
    case .removeFile: step = change.removedFile(failure: self.removeFile(elector))
    case .tryDisk:
      step = change.triedDisk(failure: self.isReadOnly(node) ? "read-only file system" : nil)
    default: step = self.contentIsMade(elector, &change)
    }
    elector.change = change
    self.carryOut(step, elector)
    self.turn(elector)
  }

  /// Without a source, an installed manifest stays and its deadline moves on.
  private func contentIsMade(_ elector: SimulatedElector<Core>, _ change: inout ManifestChange)
    -> ManifestChange.Step
  {
    let reason = "cannot read the source"
    let node = self.nodes[elector.node]
    let isLost = node.end(of: .lostSource) > self.now
    if isLost, elector.copy.bytes == nil || elector.copy.bytes != node.manifest?.bytes {
      return change.made(.failed(reason: reason, isUntouched: true))
    }
    return change.made(
      elector.content == nil ? .tooLate : .done, keptBecause: isLost ? reason : nil)
  }

  private mutating func conclude(
    _ conclusion: GuardRequests.Conclusion, _ elector: SimulatedElector<Core>
  ) {
    guard let change = elector.change else { return }
    elector.changeRequest = nil
    self.carryOut(change.answered(conclusion), elector)
  }

  /// The time of a file operation. A process that waits for its disk does nothing else, so the other one of
  /// elector and guard has to be well.
  mutating func fileTime(_ process: SimulatedProcess) -> Nanoseconds {
    let node = self.nodes[process.node]
    let part = Timeline.Part.node(process.node, process === node.elector ? .elector : .guardian)
    let isOtherWell = self.isWell(process === node.elector ? node.guardian : node.elector)
    guard isOtherWell, node.end(of: .slowFiles) > self.now else {
      return self.chance.span(0...5_000_000)
    }
    let time = self.chance.span(0...15_000_000_000)
    process.waitsUntil = self.now + time
    self.tell(part, "waits \(Story.words(time.seconds)) for its slow disk")
    self.begin(.fault, "waits for its disk", part)
    return time
  }

  /// A slow operation is trouble up to its end, even if the fault was over before.
  mutating func haveWaited(_ process: SimulatedProcess) {
    guard process.waitsUntil > 0 else { return }
    (process.waitsUntil, self.lastTrouble) = (0, self.now)
    let isElector = process === self.nodes[process.node].elector
    self.begin(.alive, "runs", .node(process.node, isElector ? .elector : .guardian))
  }

  // MARK: The guard

  /// Asks the guard.
  /// - Returns: the request's number; `nil` when the guard is lost.
  @discardableResult
  mutating func ask(_ kind: GuardRequest.Kind, _ elector: SimulatedElector<Core>) -> UInt32? {
    let node = self.nodes[elector.node]
    guard let guardian = node.guardian, let request = elector.requests.send(kind) else {
      return nil
    }
    self.at(self.now + self.chance.span(0...500_000), guardian) {
      if guardian.isConnected { $0.tell(guardian) { $0.requests.append(request) } }
    }
    // A stopped process finds its timers when it continues.
    let delay = Nanoseconds.milliseconds(1)
    if case .install(let until, _, _) = kind {
      let limit = node.clock.time(of: until.nanoseconds)
      self.at(max(self.now, limit), elector, afterStop: delay) {
        if let conclusion = elector.requests.reachedLimit(of: request.id) {
          $0.learn(conclusion, of: request.id, elector)
        }
      }
    }
    let patience = node.timing.margin
    self.at(self.now + Nanoseconds(patience), elector, afterStop: delay) {
      if elector.requests.ranOutOfPatience(with: request.id, after: patience) {
        $0.loseGuard(elector)
      }
    }
    return request.id
  }

  /// One side has closed the connection of elector and guard.
  mutating func loseGuard(_ elector: SimulatedElector<Core>) {
    guard elector.requests.loss == nil else { return }
    self.tell(.node(elector.node, .elector), "has lost its guard, and ends")
    let (ids, loss) = elector.requests.closed()
    self.hangUp(on: self.nodes[elector.node].guardian)
    elector.loop.receive(.stop)
    for id in ids { self.learn(.lost(loss), of: id, elector) }
    self.turn(elector)
  }

  mutating func learn(
    _ conclusion: GuardRequests.Conclusion, of id: UInt32, _ elector: SimulatedElector<Core>
  ) {
    // An extension's answer only shows that the guard lives.
    guard elector.changeRequest == id else { return }
    self.conclude(conclusion, elector)
    self.turn(elector)
  }

  // MARK: The pods' end

  /// No id that the core uses.
  private static var pastQuestion: Int { -1 }

  /// Waits for the end of the pods of an earlier process, once the destination was found absent.
  mutating func pollPast(_ elector: SimulatedElector<Core>) {
    switch elector.copy.past {
    case .notYet:
      self.at(max(self.now + .milliseconds(20), elector.stoppedUntil), elector) {
        $0.pollPast(elector)
      }
    case .pods(let pods): self.watchPod(elector, Self.pastQuestion, pods, isYoung: true)
    case .superseded: break
    }
  }

  mutating func watchPod(
    _ elector: SimulatedElector<Core>, _ id: Int, _ pods: ManifestCopy.Pods, isYoung: Bool
  ) {
    let node = self.nodes[elector.node]
    let watch = PodEndWatch(
      detection: isYoung
        ? node.timing.podStop.youngDetection : node.timing.podStop.detection,
      grace: elector.copy.pod?.grace ?? node.grace.duration, isOnlyOne: pods.isOnlyOne,
      isYoung: isYoung, isKnown: node.knowsKubelet || elector.hasFoundKubelet)
    self.askForPod(elector, id, pods, watch, since: self.now, after: .milliseconds(1))
  }

  /// Asks the kubelet until it is known what has become of the pods.
  private mutating func askForPod(
    _ elector: SimulatedElector<Core>, _ id: Int, _ pods: ManifestCopy.Pods,
    _ watch: PodEndWatch, since begin: Nanoseconds, after pause: Nanoseconds
  ) {
    self.at(self.now + pause, elector, afterStop: .milliseconds(1)) {
      var watch = watch
      let node = $0.nodes[elector.node]
      let kubelet = node.kubelet
      let elapsed = node.clock.reading(at: $0.now) - node.clock.reading(at: begin)
      let isListed = kubelet.answers ? kubelet.pod != nil || !kubelet.running.isEmpty : nil
      if isListed == true { elector.hasFoundKubelet = true }
      let step = watch.heard(isListed: isListed, after: elapsed.duration)
      switch step {
      case .ask(let pause):
        $0.askForPod(elector, id, pods, watch, since: begin, after: Nanoseconds(pause))
      case .ended:
        elector.copy.ended(pods)
        if id != Self.pastQuestion { $0.deliver(.podEnded(id: id), to: elector) }
      case .overdue:
        if id != Self.pastQuestion { $0.deliver(.podOverdue(id: id), to: elector) }
      case .unproven:
        if id != Self.pastQuestion { $0.deliver(.podUnproven(id: id), to: elector) }
      }
    }
  }
}
