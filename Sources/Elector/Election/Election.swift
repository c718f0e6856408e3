/// One node's part in a leader election, as a value: facts go in, effects come out.
///
/// It reads no clock, draws no random number, writes no log and never waits. The same events at the
/// same instants give the same effects in a test, in a simulation and in production.
///
/// What always holds:
/// 1. The manifest is asked for only while `now < lease.sentAt + timing.renewDeadline`, where `sentAt`
///    belongs to a creation or a renewal that was granted; a read never extends the belief. The store
///    starts its TTL after `sentAt`, so with clocks of nearly the same rate two nodes never believe at
///    once.
/// 2. A lease is ours only by a term that this process began itself, never by its name.
/// 3. Nothing is sent to the store before the destination was found absent once, and no lease is created
///    or released while the manifest may be there.
/// 4. At most one request and one watch are under way.
/// 5. The manifest is asked for only after the record named our term as the last one, and only
///    when no pod of an earlier term can run any more (`TermLedger`), and where it is absent only while the
///    record gives its pod a young pod's time to end. The record shows a term
///    as ended only when its manifest is gone and its pod has ended (`ManifestState`).
///    A pod has ended when there is evidence of it: the kubelet's silence is none, nor is time that has
///    passed. Without evidence there is no receipt, and the lease is left to expire.
/// 6. A manifest that expires by itself is asked for only when no earlier pod of ours can run any more,
///    since its time would begin with that pod's end.
///
/// A process that is stopped between a decision and its effect can still be late; therefore an
/// installation carries the instant after which it must not happen.
///
/// Source: etcd v2 API (`ttl`, `prevExist`, `prevIndex`, `waitIndex`); podmaster for what is logged.
public struct Election: Equatable, Sendable {
  public let candidate: Candidate
  public let timing: Timing

  /// `Election+Roles.swift` has what each role does next, `Election+Facts.swift` what makes it another.
  var role = Role()
  var store: StoreSchedule
  var ledger: TermLedger
  var manifest: ManifestState
  var podHealth: PodHealth
  var standBack: StandBack
  /// The latest term whose lease was left to expire.
  var leftTerm: UInt64?
  private var reporter: Reporter
  private var alarm: Instant?
  /// Until when the manifest may stay, by the latest effect that says so.
  private var announcedEnd: Instant?
  /// The time for which the machine stood still since the start.
  var timeStoodStill = Duration.zero

  /// - Parameters:
  ///   - candidate: `name` is what the key holds while we have the lease, `--whoami`.
  ///   - asksKubelet: whether ``Effect/awaitPodEnd(id:isYoung:)`` and ``Effect/observePod(id:)`` can be carried
  ///     out.
  ///   - podLimits: which limits the pod has to keep to, where there is a kubelet to ask.
  ///   - jitter: from 0 to 0.2, drawn by the caller: by this share the pauses of a process without a
  ///     lease are longer, so that many followers do not send at one instant.
  ///   - timing: the durations of the lease.
  public init(
    candidate: Candidate, timing: Timing, asksKubelet: Bool = false,
    podLimits: PodLimits = PodLimits(), jitter: Double = 0
  ) {
    self.candidate = candidate
    self.timing = timing
    self.store = StoreSchedule(timing: timing, jitter: jitter)
    self.ledger = TermLedger(candidate: candidate, timing: timing)
    self.manifest = ManifestState(timing: timing, asksKubelet: asksKubelet)
    self.podHealth = PodHealth(limits: podLimits, timing: timing, asksKubelet: asksKubelet)
    self.standBack = StandBack(timing: timing)
    self.reporter = Reporter(name: candidate.name, timing: timing)
  }

  /// Before the first event: no earlier process of ours has left a pod that may run, unless the record tells of one.
  package mutating func expectNoPod() { self.manifest.expectNoPod() }

  /// Whether there is evidence that no pod of ours runs.
  package var podHasEnded: Bool { self.manifest.podHasEnded }

  /// What the key holds while we have the lease.
  public var name: String { self.candidate.name }

  /// The lease that we hold as far as we know, believed or not.
  public var lease: Lease? { self.role.lease }

  /// Until when the lease can be believed.
  var leaseEnd: Instant? { self.lease.map { $0.sentAt + self.timing.renewDeadline } }

  /// Whether the lease is believed.
  public func leads(at now: Instant) -> Bool {
    guard self.role.contends, let end = self.leaseEnd else { return false }
    return now < end
  }

  /// Whether the manifest may be there: the lease is believed, and the record names our term, hence no
  /// pod of another node can run.
  public func mayInstall(at now: Instant) -> Bool {
    self.leads(at: now) && self.role.wonAt == nil
  }

  /// Takes in a fact and decides what follows.
  /// - Parameters:
  ///   - now: never less than before.
  ///   - event: the fact.
  public mutating func handle(_ event: Event, at now: Instant) -> [Effect] {
    if self.role.isFinished { return [] }
    self.takeIn(event, at: now)
    let installation = self.installation(at: now)
    var effects = self.manifest.effects(
      at: now, installation: installation, isYoung: self.podHealth.isYoung)
    self.moveStop(at: now)
    self.leaveWithoutEvidence(at: now)
    if self.awaitsPodEnd(at: now) { effects += self.manifest.askForPodEnd(at: now) }
    effects += self.podHealth.effects(
      at: now,
      isInstalled: installation == nil ? false : self.manifest.file == .installed ? true : nil)
    effects += self.requestEffects(at: now) + self.watchEffects(at: now)
    effects += self.reporter.reports(of: event, after: self.reported(at: now), at: now)
      .map { .report($0) }
    if case .finished(let outcome) = self.role.stop {
      effects.append(.finish(outcome))
    } else if let next = self.nextAlarm(after: now), next != self.alarm {
      self.alarm = next
      effects.append(.wake(at: next))
    }
    return effects + self.extensionEffects(after: effects)
  }

  private mutating func takeIn(_ event: Event, at now: Instant) {
    switch event {
    case .started: break
    // Should it have rung early, it is set again.
    case .woke: self.alarm = nil
    case .removed: self.manifest.removed(at: now)
    case .removeFailed(let reason): self.manifest.removeFailed(reason, at: now)
    case .installation(let result): self.installationEnded(result, at: now)
    case .filesChanged: self.manifest.filesChanged(at: now)
    case .answered(let id, let answer): self.answered(id, answer, at: now)
    case .stoodStill(let total): self.stoodStill(total)
    case .watched(let id, let change): self.watched(id, change, at: now)
    case .watchFailed(let id, _): self.watchFailed(id, at: now)
    case .podEnded(let id): _ = self.manifest.podAnswered(id, .ended, at: now)
    case .podOverdue(let id): self.podOverdue(id, at: now)
    case .podUnproven(let id): _ = self.manifest.podAnswered(id, .unproven, at: now)
    case .podObserved(let id, let observation): self.podObserved(id, observation, at: now)
    case .stepDown(let duration): self.stepDown(for: duration, at: now)
    case .resume: self.standBack.resume(at: now)
    case .giveWay(let duration): self.giveWay(for: duration, at: now)
    case .stop: self.beginStop(at: now)
    }
  }

  /// What to install; `nil` when no manifest may be there.
  private func installation(at now: Instant) -> (term: UInt64, before: Instant)? {
    guard let lease, let leaseEnd, self.mayInstall(at: now), !self.awaitsOwnPod(at: now),
      self.manifest.isPlaced || self.ledger.allowsYoungPod(of: lease.term)
    else { return nil }
    return (lease.term, leaseEnd)
  }

  /// A later end of the installed manifest's stay, which no installation carries.
  private mutating func extensionEffects(after effects: [Effect]) -> [Effect] {
    for case .installManifest(_, let before) in effects { self.announcedEnd = before }
    guard self.manifest.file == .installed, let leaseEnd, leaseEnd != self.announcedEnd else {
      return []
    }
    self.announcedEnd = leaseEnd
    return [.extendManifest(until: leaseEnd)]
  }

  private mutating func requestEffects(at now: Instant) -> [Effect] {
    guard let (kind, _) = self.steps(at: now).first(where: { now >= $0.due }) else { return [] }
    self.ledger.isSent(kind)
    return [self.store.send(kind, at: now)]
  }

  /// Whether a watch has to start as soon as it may.
  private var lacksWatch: Bool {
    self.manifest.wasAbsent && self.store.watch == nil && self.role.key != .unknown
      && self.role.stop == nil
  }

  private mutating func watchEffects(at now: Instant) -> [Effect] {
    self.lacksWatch && now >= self.store.watchDue ? [self.store.startWatch()] : []
  }

  private func reported(at now: Instant) -> Reporter.Snapshot {
    Reporter.Snapshot(
      role: self.role, leftTerm: self.leftTerm, file: self.manifest.file,
      request: self.store.inFlight, lacksEvidence: self.manifest.lacksEvidence,
      podQuestion: self.manifest.question,
      leadingTerm: self.leads(at: now) ? self.lease?.term : nil,
      waitRest: self.waitRest(at: now), predecessor: self.ledger.predecessor,
      awaitsOwnPod: self.awaitsOwnPod(at: now), standBack: self.standBack.duration)
  }

  /// The rest of the lock-delay; `nil` when nothing is waited for.
  func waitRest(at now: Instant) -> Duration? {
    self.role.wonAt.flatMap { self.ledger.rest(since: $0, at: now) }
  }

  /// The earliest instant at which something follows from time alone.
  private func nextAlarm(after now: Instant) -> Instant? {
    var dues: [Instant] = self.steps(at: now).map(\.due)
    dues += self.manifest.dues(awaitingPodEnd: self.awaitsPodEnd(at: now))
    if self.leads(at: now), let leaseEnd { dues.append(leaseEnd) }
    if let due = self.podHealth.nextDue { dues.append(due) }
    if case .removing(let until) = self.role.stop { dues.append(until) }
    if self.lacksWatch { dues.append(self.store.watchDue) }
    if let due = self.reporter.due { dues.append(due) }
    return dues.filter { $0 > now }.min()
  }
}
