/// One node's part in the election of a master, as a value: facts go in, effects come out.
///
/// It reads no clock, draws no random number, writes no log and never waits. The same events at the
/// same instants give the same effects in a test, in a simulation and in production.
///
/// What always holds:
/// 1. The manifest is asked for only while `now < lease.sentAt + timing.renewDeadline`, where `sentAt`
///    belongs to a creation or a renewal that was granted; a read never extends the belief. The store
///    starts its TTL after `sentAt`, so with clocks of nearly the same rate two never believe at once.
/// 2. A lease is ours only by a term that this process began itself, never by its name.
/// 3. Nobody asks the store for anything before the destination was found absent once, and nobody
///    creates or releases a lease while it may be there.
/// 4. At most one request and one watch are under way.
/// 5. The manifest is asked for only after the record said that our term is the last one, and only
///    when no pod of an earlier term can run any more (``Succession``). The record says that a term
///    has ended only when its manifest is gone and its pod has ended (``Destination``).
/// 6. A manifest that is to expire by itself is asked for only when no earlier pod of ours can run any
///    more, since its time would begin with that one's end.
///
/// A process that is stopped between a decision and its effect can still be late; therefore an
/// installation carries the instant after which it must not happen.
///
/// Source: etcd v2 API (`ttl`, `prevExist`, `prevIndex`, `waitIndex`); podmaster for what is logged.
public struct Election: Equatable, Sendable {
  public let candidate: Candidate
  public let timing: Timing
  /// How much longer our pauses are than said where others make the same ones, from 0 to 0.2: so that
  /// many followers do not ask at one instant.
  private let spread: Double

  /// The lease we hold as far as we know, believed or not.
  public private(set) var lease: Lease?
  private var view = View.unknown
  /// The store's index up to which `view` is true.
  private var seen: UInt64 = 0

  private var succession: Succession
  private var destination: Destination
  private var podHealth: PodHealth
  /// How often in a row we gave the lock away since the pod could not be started or did not run.
  private var podFailures = 0
  /// Not before this is a lease created.
  private var contendDue = Instant.start
  /// A person wants us to leave the lock to others until further notice.
  private var isPaused = false
  /// Whether people were told that an earlier pod of ours has to end first.
  private var awaitedOwnPod = false
  private var intent = Intent.contend

  private var inFlight: Request?
  private var requestDue = Instant.start
  private var readDue = Instant.start
  private var failures = 0
  private var watch: Int?
  private var watchAfter: UInt64 = 0
  private var watchDue = Instant.start
  private var watchFailures = 0
  private var lastID = 0

  private var reports: [Report] = []
  private var isInTrouble = false
  private var troubleDue = Instant.start
  private var recordReportDue = Instant.start
  private var sourceReportDue = Instant.start
  private var lineDue = Instant.start
  private var line: Report?
  /// The term that was believed when the last event had been dealt with.
  private var leadingTerm: UInt64?
  private var lastTerm: UInt64?
  /// The term of ours for which people were told that it waits.
  private var waitingTerm: UInt64?
  private var loss = Loss.deadline
  private var clashTerm: UInt64?
  private var alarm: Instant?

  /// What the store says of the key.
  private enum View: Equatable {
    /// To be read.
    case unknown
    case absent
    case held(Holder)
  }

  /// What the lock is for.
  private enum Intent: Equatable {
    /// Get it and keep it. To `yield`, to `stop`.
    case contend
    /// Give it away, since the manifest cannot be installed. Back to `contend` without a lease.
    case yield
    case stop(Stop)
  }

  private enum Stop: Equatable {
    /// The manifest goes first. To `awaitingPod`, to `recording`, to `finished` when it cannot go.
    case removing(until: Instant)
    /// The lease is kept meanwhile. To `recording`, to `releasing` when the pod does not end.
    case awaitingPod
    /// The receipt is written, if one is owed. To `releasing`.
    case recording(refusals: Int)
    /// To `finished`.
    case releasing(refusals: Int)
    case finished
  }

  /// - Parameters:
  ///   - candidate: `name` is what the key is to hold, `--whoami`.
  ///   - asksKubelet: whether ``Effect/awaitPodEnd(id:)`` and ``Effect/observePod(id:)`` can be carried
  ///     out.
  ///   - podLimits: what a kubelet that can be asked has to say of the pod.
  ///   - spread: from 0 to 0.2, drawn by the caller: by so much are the pauses of one without a lease
  ///     longer.
  public init(
    candidate: Candidate, timing: Timing, asksKubelet: Bool = false,
    podLimits: PodLimits = PodLimits(), spread: Double = 0
  ) {
    self.spread = spread
    self.candidate = candidate
    self.timing = timing
    self.succession = Succession(candidate: candidate, timing: timing)
    self.destination = Destination(timing: timing, asksKubelet: asksKubelet)
    self.podHealth = PodHealth(limits: asksKubelet ? podLimits : PodLimits(), timing: timing)
  }

  /// What the key is to hold.
  public var name: String { self.candidate.name }

  /// Whether the lease is believed.
  public func leads(at now: Instant) -> Bool {
    guard self.intent == .contend, let end = self.leaseEnd else { return false }
    return now < end
  }

  /// Whether the manifest may be there: the lease is believed, and nobody else's pod can run.
  public func mayInstall(at now: Instant) -> Bool {
    guard let lease, self.leads(at: now) else { return false }
    return self.succession.isOpen(lease.term)
  }

  /// Until when the installed manifest may stay unless the lease is renewed; `nil` when none is to be
  /// there.
  public var manifestEnd: Instant? { self.destination.file == .installed ? self.leaseEnd : nil }

  private var leaseEnd: Instant? { self.lease.map { $0.sentAt + self.timing.renewDeadline } }

  /// Takes in a fact and says what follows.
  /// - Parameter now: never less than before.
  public mutating func handle(_ event: Event, at now: Instant) -> [Effect] {
    switch event {
    case .started: break
    // Should it have rung early, it is set anew.
    case .woke: self.alarm = nil
    case .removed: self.destination.removed(at: now)
    case .removeFailed(let reason):
      if self.destination.removeFailed(reason, at: now) {
        self.reports.append(.cannotRemove(reason: reason))
      }
    case .installed: self.installed(at: now)
    case .kept(let reason): self.installed(at: now, sourceFailure: reason)
    case .installTooLate: _ = self.destination.installFailed(isUntouched: true)
    case .installFailed(let reason, let isUntouched):
      self.installFailed(reason, isUntouched: isUntouched, at: now)
    case .filesChanged: self.destination.filesChanged(at: now)
    case .answered(let id, let answer): self.answered(id, answer, at: now)
    case .watched(let id, let change): self.watched(id, change, at: now)
    case .podEnded(let id): _ = self.destination.podAnswered(id, isOverdue: false, at: now)
    case .podOverdue(let id):
      if self.destination.podAnswered(id, isOverdue: true, at: now) { self.podOverdue() }
    case .podObserved(let id, let observation):
      if let reason = self.podHealth.observed(id, observation, at: now) {
        self.yield(at: now) { .podFails(reason: reason, retryIn: $0) }
      }
    case .stepDown(let duration): self.stepDown(for: duration, at: now)
    case .resume: self.resume(at: now)
    case .stop: self.stop(at: now)
    }
    return self.effects(at: now)
  }

  // MARK: Facts about the manifest

  private mutating func installed(at now: Instant, sourceFailure: String? = nil) {
    guard self.destination.installed() else { return }
    if self.podHealth.isProven(at: now) { self.podFailures = 0 }
    if let sourceFailure, now >= self.sourceReportDue {
      self.reports.append(.sourceFails(reason: sourceFailure))
      self.sourceReportDue = now + self.timing.sleep
    }
  }

  private mutating func installFailed(_ reason: String, isUntouched: Bool, at now: Instant) {
    guard self.destination.installFailed(isUntouched: isUntouched) else { return }
    self.yield(at: now) { .cannotInstall(reason: reason, retryIn: $0) }
  }

  /// One who cannot start the pod must not keep the lock.
  /// - Parameter report: says so, and for how long.
  private mutating func yield(at now: Instant, _ report: (Duration) -> Report) {
    guard self.intent == .contend else { return }
    self.intent = .yield
    self.podFailures += 1
    self.contendDue = now + self.standBack
    self.reports.append(report(self.standBack))
  }

  private var standBack: Duration { self.timing.standBack(afterFailures: self.podFailures) }

  // MARK: Facts about people

  private mutating func stepDown(for duration: Duration?, at now: Instant) {
    switch self.intent {
    case .contend where self.lease != nil: self.intent = .yield
    case .contend, .yield: break
    case .stop: return
    }
    self.isPaused = duration == nil
    if let duration { self.contendDue = now + duration }
    self.reports.append(.steppingDown(for: duration))
  }

  private mutating func resume(at now: Instant) {
    self.isPaused = false
    self.contendDue = now
    self.reports.append(.resuming)
  }

  // MARK: Facts about the store

  private mutating func answered(_ id: Int, _ answer: Answer, at now: Instant) {
    guard let request = self.inFlight, request.id == id else { return }
    self.inFlight = nil
    if request.kind == .read { self.readDue = self.nextRead(after: request, answer) }
    if request.kind.concernsRecord {
      self.recordAnswered(answer, to: request, at: now)
      return
    }
    switch answer {
    case .failed(let reason):
      self.failed(reason, at: now)
      return
    case .unanswered(let reason):
      // What became of a write only a read can tell. Meanwhile we keep what we hold, up to its end.
      if request.kind != .read { self.view = .unknown }
      self.failed(reason, at: now)
      return
    case .found(let holder, let index, _):
      self.failures = 0
      self.read(.held(holder), index: index, for: request, at: now)
    case .absent(let index):
      self.read(.absent, index: index, for: request, at: now)
    case .granted(let term, let modifiedIndex):
      self.failures = 0
      self.granted(term: term, modifiedIndex: modifiedIndex, for: request, at: now)
    case .released(let index):
      // The watch may have told of it already, hence the term from memory.
      if let term = self.lease?.term ?? self.lastTerm { self.reports.append(.released(term: term)) }
      self.lose(.removed, at: now)
      self.learn(.absent, index: max(index, self.seen), at: now)
    case .exists, .changed:
      // The first time at once; but not in a loop, should the store contradict itself.
      self.view = .unknown
      self.failures += 1
      self.requestDue =
        self.failures == 1
        ? now : now + self.timing.retryPause(afterFailures: self.failures, keepingLease: true)
      if case .release = request.kind { self.releaseRefused() }
    case .recordFound, .recordAbsent, .recordWritten:
      // To a request of the other kind; no store does that.
      self.view = .unknown
    }
    if self.isInTrouble { self.reports.append(.storeAnswersAgain) }
    self.isInTrouble = false
  }

  /// When to look at the key again, whatever the watch says: a connection that was cut without a word
  /// tells of nothing. So a lease that is not renewed is looked at when it ends.
  private func nextRead(after request: Request, _ answer: Answer) -> Instant {
    let usual = request.sentAt + self.spread(self.timing.sleep)
    guard case .found(_, _, let remaining?) = answer else { return usual }
    return min(usual, request.sentAt + max(remaining, Self.shortestLook))
  }

  /// A lease that has ended by the store's own word is not asked for without a pause.
  private static let shortestLook = Duration.milliseconds(100)

  private mutating func failed(_ reason: String, at now: Instant) {
    self.failures += 1
    let pause = self.timing.retryPause(
      afterFailures: self.failures, keepingLease: self.lease != nil)
    self.requestDue = now + (self.lease == nil ? self.spread(pause) : pause)
    if !self.isInTrouble || now >= self.troubleDue {
      self.reports.append(.storeFails(reason: reason))
      self.troubleDue = now + self.timing.sleep
    }
    self.isInTrouble = true
    switch self.intent {
    case .stop(.recording), .stop(.releasing):
      self.intent = .stop(.releasing(refusals: 0))
      self.leaveLease(reason)
    case .contend, .yield, .stop: break
    }
  }

  private mutating func recordAnswered(_ answer: Answer, to request: Request, at now: Instant) {
    switch (answer, request.kind) {
    case (.recordFound(let record, let modifiedIndex), _):
      self.succession.found(record, modifiedIndex: modifiedIndex, at: now)
    case (.recordAbsent, _):
      self.succession.foundNothing(at: now)
    case (.recordWritten(let modifiedIndex), .writeRecord(let record, _)):
      self.succession.wrote(record, modifiedIndex: modifiedIndex)
      if record.isEnded { self.reports.append(.podHasEnded(term: record.term)) }
    case (.failed(let reason), _):
      self.succession.failed(isApplied: false, at: now)
      self.recordFailed(reason, at: now)
    case (.unanswered(let reason), _):
      self.succession.failed(isApplied: nil, at: now)
      self.recordFailed(reason, at: now)
    default:
      self.succession.wasChanged(at: now)
      if case .stop(.recording(let refusals)) = self.intent {
        self.intent = .stop(.recording(refusals: refusals + 1))
        if refusals >= 1 { self.intent = .stop(.releasing(refusals: 0)) }
      }
    }
  }

  /// How often in a row the record could not be read or written before the lock goes to another one.
  private static let recordPatience = 5

  private mutating func recordFailed(_ reason: String, at now: Instant) {
    if now >= self.recordReportDue {
      self.reports.append(.recordFails(reason: reason))
      self.recordReportDue = now + self.timing.sleep
    }
    if case .stop(.recording) = self.intent {
      self.intent = .stop(.releasing(refusals: 0))
      self.leaveLease(reason)
    }
    if let lease, !self.succession.isOpen(lease.term),
      self.succession.failures >= Self.recordPatience
    {
      self.yield(at: now) { .cannotInstall(reason: reason, retryIn: $0) }
    }
  }

  /// Takes over what a read, or a refusal that names the store's index, says.
  private mutating func read(
    _ view: View, index: UInt64, for request: Request, at now: Instant
  ) {
    if index < request.seen {
      // No linearizable store forgets: this is another one, or an older copy of it.
      self.reports.append(.storeWentBack(from: request.seen, to: index))
      self.succession.storeWentBack(wasOurs: self.leaseEnd.map { now < $0 } == true)
      self.lose(.removed, at: now)
      self.watch = nil
    } else if index < self.seen {
      return  // The watch has been faster.
    } else if view != self.view, self.watch != nil {
      // The watch may be deaf, or just slower: start it anew where we are.
      self.watch = nil
    }
    self.learn(view, index: index, at: now)
  }

  private mutating func granted(
    term: UInt64, modifiedIndex: UInt64, for request: Request, at now: Instant
  ) {
    switch request.kind {
    case .create:
      guard modifiedIndex > self.seen else {
        // The watch has seen it come and go already.
        self.view = .unknown
        return
      }
      self.lease = Lease(term: term, modifiedIndex: modifiedIndex, sentAt: request.sentAt)
      self.succession.won(term: term, at: now)
      // It was asked for before we were told to leave it to others.
      if self.isPaused || now < self.contendDue, self.intent == .contend { self.intent = .yield }
    case .renew:
      // Without a lease it was lost, as the watch told, after this renewal.
      guard var lease = self.lease, lease.term == term else { return }
      lease.modifiedIndex = max(lease.modifiedIndex, modifiedIndex)
      lease.sentAt = request.sentAt
      self.lease = lease
    case .read, .release, .readRecord, .writeRecord:
      return
    }
    self.seen = max(self.seen, modifiedIndex)
    self.view = .held(Holder(name: self.name, term: term, modifiedIndex: modifiedIndex))
  }

  private mutating func watched(_ id: Int, _ change: Change, at now: Instant) {
    guard id == self.watch else { return }
    self.watch = nil
    switch change {
    case .written(let holder):
      self.watchFailures = 0
      self.watchAfter = max(self.watchAfter, holder.modifiedIndex)
      // Most likely the echo of our own creation, whose answer is to decide.
      if holder.name == self.name, self.inFlight?.kind == .create { return }
      if holder.modifiedIndex > self.seen {
        self.learn(.held(holder), index: holder.modifiedIndex, at: now)
      }
    case .removed(let index):
      self.watchFailures = 0
      self.watchAfter = max(self.watchAfter, index)
      if index > self.seen { self.learn(.absent, index: index, at: now) }
    case .historyCleared:
      // Read anew; the first time at once, but not in a loop with a store that forgets everything.
      self.view = .unknown
      if self.watchFailures > 0 {
        self.requestDue = max(self.requestDue, self.watchPause(from: now))
      }
      self.watchFailures += 1
    case .broken:
      self.watchFailures += 1
      self.watchDue = self.watchPause(from: now)
    }
  }

  private func watchPause(from now: Instant) -> Instant {
    now
      + self.spread(
        self.timing.retryPause(afterFailures: self.watchFailures, keepingLease: false))
  }

  private func spread(_ pause: Duration) -> Duration { pause * (1 + self.spread) }

  /// Takes over what the key is now, at an index of the store that is not older than what we know.
  private mutating func learn(_ view: View, index: UInt64, at now: Instant) {
    self.view = view
    self.seen = index
    self.watchAfter = index
    guard case .held(let holder) = view else {
      if view == .absent { self.lose(.removed, at: now) }
      return
    }
    if var lease = self.lease, holder.term == lease.term, holder.name == self.name {
      lease.modifiedIndex = holder.modifiedIndex
      self.lease = lease
      return
    }
    self.lose(.replaced(by: holder.name), at: now)
    self.succession.saw(term: holder.term)
    if holder.name == self.name, holder.term != self.clashTerm {
      self.clashTerm = holder.term
      self.reports.append(.nameClash(term: holder.term))
    }
  }

  private mutating func lose(_ loss: Loss, at now: Instant) {
    guard self.lease != nil else { return }
    self.lease = nil
    self.succession.lost()
    self.loss = loss
    guard self.intent == .yield else { return }
    // Others come first: counted from here on, since the pod's end may have taken longer. The watch may
    // tell of the release before its answer does.
    self.intent = .contend
    self.contendDue = max(self.contendDue, now + self.standBack)
  }

  // MARK: Stopping

  private mutating func stop(at now: Instant) {
    guard self.intent == .contend || self.intent == .yield else { return }
    self.intent = .stop(.removing(until: now + self.timing.requestTimeout))
  }

  private mutating func podOverdue() {
    self.reports.append(.podOverdue)
    guard self.intent == .stop(.awaitingPod) else { return }
    self.intent = .stop(.releasing(refusals: 0))
    self.leaveLease("the pod still runs")
  }

  private mutating func releaseRefused() {
    guard case .stop(.releasing(let refusals)) = self.intent else { return }
    self.intent = .stop(.releasing(refusals: refusals + 1))
    if refusals >= 1 { self.leaveLease("the key changes under our hands") }
  }

  /// The store will end it by itself.
  private mutating func leaveLease(_ reason: String) {
    if let lease { self.reports.append(.notReleased(term: lease.term, reason: reason)) }
    self.lease = nil
  }

  /// Whether the manifest has to wait for the end of an earlier pod of ours. The kubelet would, too, but
  /// count the new pod's time from then on.
  private func awaitsOwnPod(at now: Instant) -> Bool {
    guard self.timing.manifestExpires, self.destination.podEnd != .untold, self.mayInstall(at: now)
    else { return false }
    switch self.destination.file {
    case .installing, .installed: return false
    case .unknown, .removing, .absent: return !self.destination.podHasEnded(at: now)
    }
  }

  /// Whether the pod's end is worth waiting for, and is not known yet.
  private func awaitsPodEnd(at now: Instant) -> Bool {
    if self.awaitsOwnPod(at: now) { return true }
    let isDue =
      switch self.intent {
      case .contend: self.lease == nil
      case .yield, .stop(.removing), .stop(.awaitingPod): true
      case .stop: false
      }
    return isDue && self.canSettle && self.destination.podEnd != .untold
      && self.succession.owesReceipt && !self.destination.podHasEnded(at: now)
  }

  /// Whether we may mark a term of ours as ended: the one that we hold, which is not to go on, or one
  /// that is over for the store as well. The lease of an earlier process may be valid still, and that
  /// process be about.
  private var canSettle: Bool {
    if self.lease != nil { return true }
    switch self.view {
    case .unknown: return false
    case .absent: return true
    case .held(let holder): return holder.name != self.name
    }
  }

  /// Moves a stop on as far as the facts allow.
  private mutating func stopEffects(at now: Instant) -> [Effect] {
    var effects: [Effect] = []
    if case .stop(.removing(let until)) = self.intent {
      if self.destination.file == .absent {
        if self.awaitsPodEnd(at: now) {
          self.intent = .stop(.awaitingPod)
          self.reports.append(.awaitingPodEnd)
        } else {
          self.intent = .stop(.recording(refusals: 0))
        }
      } else if now >= until, self.destination.file == .unknown,
        !self.destination.removeFailure.isEmpty
      {
        self.intent = .stop(.finished)
        effects.append(.finish(.manifestLeft(reason: self.destination.removeFailure)))
      }
    }
    if self.intent == .stop(.awaitingPod), !self.awaitsPodEnd(at: now) {
      self.intent = .stop(.recording(refusals: 0))
    }
    if case .stop(.recording) = self.intent, self.receiptStep(at: now) == nil,
      self.inFlight?.kind.concernsRecord != true
    {
      self.intent = .stop(.releasing(refusals: 0))
    }
    // A request under way may still bring a lease that would then be left behind.
    if case .stop(.releasing) = self.intent, self.lease == nil, self.inFlight == nil {
      self.intent = .stop(.finished)
      effects.append(.finish(.clean))
    }
    return effects
  }

  /// The receipt, once there is one to be written and the pod has ended.
  private func receiptStep(at now: Instant) -> Succession.Step? {
    guard self.canSettle, self.destination.podHasEnded(at: now) else { return nil }
    return self.succession.receiptStep()
  }

  // MARK: What follows

  private mutating func effects(at now: Instant) -> [Effect] {
    if self.intent == .stop(.finished) { return [] }
    var installation: (term: UInt64, before: Instant)?
    if let lease, let leaseEnd, self.mayInstall(at: now), !self.awaitsOwnPod(at: now) {
      installation = (lease.term, leaseEnd)
    }
    var effects = self.destination.effects(at: now, installation: installation)
    let ending = self.stopEffects(at: now)
    if self.awaitsPodEnd(at: now) { effects += self.destination.askForPodEnd(at: now) }
    effects += self.podHealth.effects(
      at: now,
      isInstalled: installation == nil ? false : self.destination.file == .installed ? true : nil)
    if self.intent != .stop(.finished) {
      effects += self.requestEffects(at: now)
      effects += self.watchEffects(at: now)
    }
    self.addRoleReports(at: now)
    effects += self.reports.map { .report($0) }
    self.reports = []
    effects += ending
    if self.intent != .stop(.finished), let next = self.nextAlarm(after: now), next != self.alarm {
      self.alarm = next
      effects.append(.wake(at: next))
    }
    return effects
  }

  /// The requests that can come next, each with the instant for it, the most urgent one first.
  private func steps(at now: Instant) -> [Succession.Step] {
    guard self.destination.isClean, self.inFlight == nil else { return [] }
    guard let lease else { return self.stepsWithoutLease(at: now) }
    if self.view == .unknown { return [(.read, self.requestDue)] }
    let renewal: Succession.Step = (
      .renew(prevIndex: lease.modifiedIndex),
      max(self.requestDue, lease.sentAt + self.timing.renewPeriod)
    )
    let release: Succession.Step = (.release(prevIndex: lease.modifiedIndex), self.requestDue)
    switch self.intent {
    case .contend: return [renewal] + (self.leads(at: now) ? self.succession.claimSteps() : [])
    case .yield:
      guard self.destination.file == .absent, !self.awaitsPodEnd(at: now) else { return [renewal] }
      let canRecord = self.succession.failures < Self.recordPatience
      return [renewal, (canRecord ? self.receiptStep(at: now) : nil) ?? release]
    case .stop(.removing), .stop(.awaitingPod): return [renewal]
    case .stop(.recording): return [renewal] + (self.receiptStep(at: now).map { [$0] } ?? [])
    case .stop(.releasing): return self.destination.file == .absent ? [release] : []
    case .stop(.finished): return []
    }
  }

  private func stepsWithoutLease(at now: Instant) -> [Succession.Step] {
    switch self.intent {
    case .contend: break
    case .stop(.recording): return self.receiptStep(at: now).map { [$0] } ?? []
    case .yield, .stop: return []
    }
    let record = (self.receiptStep(at: now) ?? self.succession.lookStep()).map { [$0] } ?? []
    switch self.view {
    case .unknown: return [(.read, self.requestDue)]
    case .absent:
      guard self.destination.file == .absent, !self.isPaused else { return record }
      return [(.create, max(self.requestDue, self.contendDue))] + record
    case .held: return [(.read, max(self.requestDue, self.readDue))] + record
    }
  }

  private mutating func requestEffects(at now: Instant) -> [Effect] {
    guard let (kind, _) = self.steps(at: now).first(where: { now >= $0.due }) else { return [] }
    self.lastID += 1
    let request = Request(id: self.lastID, kind: kind, sentAt: now, seen: self.seen)
    self.inFlight = request
    self.succession.isSent(kind)
    return [.send(request)]
  }

  private var wantsWatch: Bool {
    guard self.destination.isClean, self.watch == nil, self.view != .unknown else { return false }
    if case .stop = self.intent { return false }
    return true
  }

  private mutating func watchEffects(at now: Instant) -> [Effect] {
    guard self.wantsWatch, now >= self.watchDue else { return [] }
    self.lastID += 1
    self.watch = self.lastID
    return [.watch(id: self.lastID, after: self.watchAfter)]
  }

  private mutating func addRoleReports(at now: Instant) {
    let term = self.leads(at: now) ? self.lease?.term : nil
    if term != self.leadingTerm {
      if let leadingTerm, self.intent == .contend {
        let loss = self.lease?.term == leadingTerm ? .deadline : self.loss
        self.reports.append(.lost(term: leadingTerm, loss))
      }
      if let term {
        self.reports.append(
          term == self.lastTerm ? .regained(term: term) : .acquired(term: term))
        self.lastTerm = term
        self.line = nil
      }
      self.leadingTerm = term
    }
    if let term, term != self.waitingTerm, let rest = self.succession.rest(at: now) {
      self.waitingTerm = term
      self.reports.append(.waiting(term: self.succession.predecessor, upTo: rest))
    }
    let awaitsOwnPod = self.awaitsOwnPod(at: now)
    if awaitsOwnPod, !self.awaitedOwnPod { self.reports.append(.awaitingPodEnd) }
    self.awaitedOwnPod = awaitsOwnPod
    if let line = self.currentLine(at: now), line != self.line || now >= self.lineDue {
      self.line = line
      self.lineDue = now + self.timing.sleep
      self.reports.append(line)
    }
  }

  /// The recipe's line for what is known; `nil` while nobody is known to lead.
  private func currentLine(at now: Instant) -> Report? {
    if self.leads(at: now) { return .leading }
    guard self.intent == .contend, self.lease == nil, !self.isInTrouble,
      case .held(let holder) = self.view
    else { return nil }
    return .following(master: holder.name)
  }

  /// The earliest instant at which something follows from time alone.
  private func nextAlarm(after now: Instant) -> Instant? {
    var dues: [Instant] = []
    if let leaseEnd, self.leads(at: now) { dues.append(leaseEnd) }
    dues += self.destination.dues(awaitingPodEnd: self.awaitsPodEnd(at: now))
    if let due = self.podHealth.nextDue { dues.append(due) }
    if case .stop(.removing(let until)) = self.intent { dues.append(until) }
    dues += self.steps(at: now).map(\.due)
    if self.wantsWatch { dues.append(self.watchDue) }
    if self.line != nil { dues.append(self.lineDue) }
    return dues.filter { $0 > now }.min()
  }

  // MARK: Seen from outside

  /// What is the case now.
  public func snapshot(at now: Instant) -> Snapshot {
    let (holder, term): (String?, UInt64?) =
      switch self.view {
      case .held(let holder): (holder.name, holder.term)
      case .absent, .unknown: (self.lease.map { _ in self.name }, self.lease?.term)
      }
    return Snapshot(
      master: holder, term: term, leads: self.leads(at: now),
      isInstalled: self.destination.file == .installed,
      leaseRest: self.lease.map { max(.zero, $0.sentAt + self.timing.ttl - now) },
      renewalAge: self.lease.map { now - $0.sentAt },
      waitsFor: self.succession.rest(at: now),
      standsBackFor: self.isPaused || now >= self.contendDue ? nil : self.contendDue - now,
      isPaused: self.isPaused)
  }

  /// An election at an instant.
  public struct Snapshot: Equatable, Sendable {
    /// Whom the store names as the holder; `nil` when there is none, or it is not known.
    public var master: String?
    public var term: UInt64?
    /// Whether we believe in our lease.
    public var leads: Bool
    /// Whether the manifest is where the kubelet finds it.
    public var isInstalled: Bool
    /// How long our lease is valid at least, and how old its last renewal is.
    public var leaseRest: Duration?
    public var renewalAge: Duration?
    /// The rest of the lock-delay.
    public var waitsFor: Duration?
    /// For how long we leave the lock to others.
    public var standsBackFor: Duration?
    public var isPaused: Bool
  }
}
