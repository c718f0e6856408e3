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
///
/// A process that is stopped between a decision and its effect can still be late; therefore an
/// installation carries the instant after which it must not happen.
///
/// Source: etcd v2 API (`ttl`, `prevExist`, `prevIndex`, `waitIndex`); podmaster for what is logged.
public struct Election: Equatable, Sendable {
  public let name: String
  public let timing: Timing
  /// Whether to ask the kubelet, on a stop, when the pod has ended.
  public let awaitsPodEnd: Bool

  /// The lease we hold as far as we know, believed or not.
  public private(set) var lease: Lease?
  private var view = View.unknown
  /// The store's index up to which `view` is true.
  private var seen: UInt64 = 0

  private var manifest = Manifest.unknown
  /// The manifest was found absent once; before that, no request is sent.
  private var isClean = false
  /// When to look at the files again.
  private var lookDue = Instant.start
  /// The same after a change, once the files are quiet.
  private var settledAt: Instant?
  private var removeDue = Instant.start
  private var removeFailure = ""
  private var installFailures = 0
  /// Not before this is a lease created.
  private var contendDue = Instant.start
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
  private var removeReportDue = Instant.start
  private var sourceReportDue = Instant.start
  private var lineDue = Instant.start
  private var line: Report?
  /// The term that was believed when the last event had been dealt with.
  private var leadingTerm: UInt64?
  private var lastTerm: UInt64?
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

  /// What is known of the destination.
  private enum Manifest: Equatable {
    /// Perhaps there, perhaps old: to `removing`.
    case unknown
    /// To `absent`, or back to `unknown` when it fails.
    case removing
    /// To `installing`; to `removing` when it is looked at.
    case absent
    /// To `installed`, to `unknown` when it fails, to `removing` when the lease ends meanwhile.
    case installing
    /// To `installing` when it is looked at, to `removing`.
    case installed
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
    /// The manifest goes first. To `awaitingPod`, to `releasing`, to `finished` when it cannot go.
    case removing(until: Instant, wasInstalled: Bool)
    /// The lease is kept meanwhile. To `releasing`.
    case awaitingPod
    /// To `finished`.
    case releasing(refusals: Int)
    case finished
  }

  /// - Parameters:
  ///   - name: what the key is to hold, `--whoami`.
  ///   - awaitsPodEnd: whether ``Effect/awaitPodEnd`` can be carried out.
  public init(name: String, timing: Timing, awaitsPodEnd: Bool = false) {
    self.name = name
    self.timing = timing
    self.awaitsPodEnd = awaitsPodEnd
  }

  /// Whether the lease is believed, and hence whether the manifest may be there.
  public func leads(at now: Instant) -> Bool {
    guard self.intent == .contend, let end = self.leaseEnd else { return false }
    return now < end
  }

  /// Until when the installed manifest may stay unless the lease is renewed; `nil` when none is to be
  /// there.
  public var manifestEnd: Instant? { self.manifest == .installed ? self.leaseEnd : nil }

  private var leaseEnd: Instant? { self.lease.map { $0.sentAt + self.timing.renewDeadline } }

  /// Takes in a fact and says what follows.
  /// - Parameter now: never less than before.
  public mutating func handle(_ event: Event, at now: Instant) -> [Effect] {
    switch event {
    case .started: break
    // Should it have rung early, it is set anew.
    case .woke: self.alarm = nil
    case .removed: self.removed()
    case .removeFailed(let reason): self.removeFailed(reason, at: now)
    case .installed: self.installed(at: now)
    case .kept(let reason): self.installed(at: now, sourceFailure: reason)
    case .installTooLate: if self.manifest == .installing { self.manifest = .unknown }
    case .installFailed(let reason): self.installFailed(reason, at: now)
    case .filesChanged: self.settledAt = now + Timing.settle
    case .answered(let id, let answer): self.answered(id, answer, at: now)
    case .watched(let id, let change): self.watched(id, change, at: now)
    case .podEnded, .podOverdue: self.podWaitOver(isOverdue: event == .podOverdue)
    case .stop: self.stop(at: now)
    }
    return self.effects(at: now)
  }

  // MARK: Facts about the manifest

  private mutating func removed() {
    guard self.manifest == .removing else { return }
    self.manifest = .absent
    self.removeFailure = ""
    self.isClean = true
  }

  private mutating func removeFailed(_ reason: String, at now: Instant) {
    guard self.manifest == .removing else { return }
    self.manifest = .unknown
    self.removeFailure = reason
    self.removeDue = now + self.timing.retryPause(afterFailures: 1, keepingLease: true)
    if now >= self.removeReportDue {
      self.reports.append(.cannotRemove(reason: reason))
      self.removeReportDue = now + self.timing.sleep
    }
  }

  private mutating func installed(at now: Instant, sourceFailure: String? = nil) {
    guard self.manifest == .installing else { return }
    self.manifest = .installed
    self.installFailures = 0
    if let sourceFailure, now >= self.sourceReportDue {
      self.reports.append(.sourceFails(reason: sourceFailure))
      self.sourceReportDue = now + self.timing.sleep
    }
  }

  private mutating func installFailed(_ reason: String, at now: Instant) {
    guard self.manifest == .installing else { return }
    self.manifest = .unknown
    guard self.intent == .contend else { return }
    self.intent = .yield
    self.installFailures += 1
    let pause = self.timing.standBack(afterFailures: self.installFailures)
    self.contendDue = now + pause
    self.reports.append(.cannotInstall(reason: reason, retryIn: pause))
  }

  // MARK: Facts about the store

  private mutating func answered(_ id: Int, _ answer: Answer, at now: Instant) {
    guard let request = self.inFlight, request.id == id else { return }
    self.inFlight = nil
    if request.kind == .read { self.readDue = request.sentAt + self.timing.sleep }
    switch answer {
    case .failed(let reason):
      self.failed(reason, at: now)
      return
    case .unanswered(let reason):
      // What became of a write only a read can tell. Meanwhile we keep what we hold, up to its end.
      if request.kind != .read { self.view = .unknown }
      self.failed(reason, at: now)
      return
    case .found(let holder, let index):
      self.failures = 0
      self.read(.held(holder), index: index, for: request)
    case .absent(let index):
      self.read(.absent, index: index, for: request)
    case .granted(let term, let modifiedIndex):
      self.failures = 0
      self.granted(term: term, modifiedIndex: modifiedIndex, for: request)
    case .released(let index):
      // The watch may have told of it already, hence the term from memory.
      if let term = self.lease?.term ?? self.lastTerm { self.reports.append(.released(term: term)) }
      self.lose(.removed)
      self.learn(.absent, index: max(index, self.seen))
    case .exists, .changed:
      // The first time at once; but not in a loop, should the store contradict itself.
      self.view = .unknown
      self.failures += 1
      self.requestDue =
        self.failures == 1
        ? now : now + self.timing.retryPause(afterFailures: self.failures, keepingLease: true)
      if case .release = request.kind { self.releaseRefused() }
    }
    if self.isInTrouble { self.reports.append(.storeAnswersAgain) }
    self.isInTrouble = false
  }

  private mutating func failed(_ reason: String, at now: Instant) {
    self.failures += 1
    self.requestDue =
      now
      + self.timing.retryPause(afterFailures: self.failures, keepingLease: self.lease != nil)
    if !self.isInTrouble || now >= self.troubleDue {
      self.reports.append(.storeFails(reason: reason))
      self.troubleDue = now + self.timing.sleep
    }
    self.isInTrouble = true
    if case .stop(.releasing) = self.intent { self.leaveLease(reason) }
  }

  /// Takes over what a read, or a refusal that names the store's index, says.
  private mutating func read(_ view: View, index: UInt64, for request: Request) {
    if index < request.seen {
      // No linearizable store forgets: this is another one, or an older copy of it.
      self.reports.append(.storeWentBack(from: request.seen, to: index))
      self.lose(.removed)
      self.watch = nil
    } else if index < self.seen {
      return  // The watch has been faster.
    } else if view != self.view, self.watch != nil {
      // The watch may be deaf, or just slower: start it anew where we are.
      self.watch = nil
    }
    self.learn(view, index: index)
  }

  private mutating func granted(term: UInt64, modifiedIndex: UInt64, for request: Request) {
    switch request.kind {
    case .create:
      guard modifiedIndex > self.seen else {
        // The watch has seen it come and go already.
        self.view = .unknown
        return
      }
      self.lease = Lease(term: term, modifiedIndex: modifiedIndex, sentAt: request.sentAt)
    case .renew:
      // Without a lease it was lost, as the watch told, after this renewal.
      guard var lease = self.lease, lease.term == term else { return }
      lease.modifiedIndex = max(lease.modifiedIndex, modifiedIndex)
      lease.sentAt = request.sentAt
      self.lease = lease
    case .read, .release:
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
      if holder.modifiedIndex > self.seen { self.learn(.held(holder), index: holder.modifiedIndex) }
    case .removed(let index):
      self.watchFailures = 0
      self.watchAfter = max(self.watchAfter, index)
      if index > self.seen { self.learn(.absent, index: index) }
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
    now + self.timing.retryPause(afterFailures: self.watchFailures, keepingLease: false)
  }

  /// Takes over what the key is now, at an index of the store that is not older than what we know.
  private mutating func learn(_ view: View, index: UInt64) {
    self.view = view
    self.seen = index
    self.watchAfter = index
    guard case .held(let holder) = view else {
      if view == .absent { self.lose(.removed) }
      return
    }
    if var lease = self.lease, holder.term == lease.term, holder.name == self.name {
      lease.modifiedIndex = holder.modifiedIndex
      self.lease = lease
      return
    }
    self.lose(.replaced(by: holder.name))
    if holder.name == self.name, holder.term != self.clashTerm {
      self.clashTerm = holder.term
      self.reports.append(.nameClash(term: holder.term))
    }
  }

  private mutating func lose(_ loss: Loss) {
    guard self.lease != nil else { return }
    self.lease = nil
    self.loss = loss
    if self.intent == .yield { self.intent = .contend }
  }

  // MARK: Stopping

  private mutating func stop(at now: Instant) {
    guard self.intent == .contend || self.intent == .yield else { return }
    self.intent = .stop(
      .removing(
        until: now + self.timing.requestTimeout,
        wasInstalled: self.manifest == .installed || self.manifest == .installing))
  }

  private mutating func podWaitOver(isOverdue: Bool) {
    guard self.intent == .stop(.awaitingPod) else { return }
    self.intent = .stop(.releasing(refusals: 0))
    if isOverdue {
      self.reports.append(.podOverdue)
      self.leaveLease("the pod still runs")
    }
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

  /// Moves a stop on as far as the facts allow.
  private mutating func stopEffects(at now: Instant) -> [Effect] {
    var effects: [Effect] = []
    if case .stop(.removing(let until, let wasInstalled)) = self.intent {
      if self.manifest == .absent {
        if wasInstalled, self.awaitsPodEnd, let leaseEnd, now < leaseEnd {
          self.intent = .stop(.awaitingPod)
          self.reports.append(.awaitingPodEnd)
          effects.append(.awaitPodEnd)
        } else {
          self.intent = .stop(.releasing(refusals: 0))
        }
      } else if now >= until, self.manifest == .unknown, !self.removeFailure.isEmpty {
        self.intent = .stop(.finished)
        effects.append(.finish(.manifestLeft(reason: self.removeFailure)))
      }
    }
    // Without a belief there is nothing left to keep for the pod.
    if self.intent == .stop(.awaitingPod), self.leaseEnd.map({ now >= $0 }) ?? true {
      self.intent = .stop(.releasing(refusals: 0))
    }
    // A request under way may still bring a lease that would then be left behind.
    if case .stop(.releasing) = self.intent, self.lease == nil, self.inFlight == nil {
      self.intent = .stop(.finished)
      effects.append(.finish(.clean))
    }
    return effects
  }

  // MARK: What follows

  private mutating func effects(at now: Instant) -> [Effect] {
    if self.intent == .stop(.finished) { return [] }
    var effects = self.manifestEffects(at: now)
    let ending = self.stopEffects(at: now)
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

  private mutating func manifestEffects(at now: Instant) -> [Effect] {
    let isLookDue = now >= self.lookDue || self.settledAt.map { now >= $0 } == true
    if let lease, let leaseEnd, self.leads(at: now) {
      switch self.manifest {
      case .installed where !isLookDue, .installing, .removing: return []
      case .absent, .installed:
        self.manifest = .installing
        self.noteLook(at: now)
        return [.installManifest(term: lease.term, before: leaseEnd)]
      case .unknown: return self.removal(at: now)
      }
    }
    switch self.manifest {
    case .removing: return []
    // Somebody may have put it there by hand.
    case .absent where !isLookDue: return []
    case .unknown, .absent: return self.removal(at: now)
    case .installing, .installed:
      self.removeDue = now
      return self.removal(at: now)
    }
  }

  private mutating func removal(at now: Instant) -> [Effect] {
    guard now >= self.removeDue else { return [] }
    self.manifest = .removing
    self.noteLook(at: now)
    return [.removeManifest]
  }

  private mutating func noteLook(at now: Instant) {
    self.lookDue = now + self.timing.sleep
    self.settledAt = nil
  }

  /// The request that comes next and the instant for it; `nil` when there is nothing to ask.
  private var nextRequest: (kind: Request.Kind, due: Instant)? {
    guard self.isClean, self.inFlight == nil else { return nil }
    if let lease {
      if self.view == .unknown { return (.read, self.requestDue) }
      switch self.intent {
      case .contend, .stop(.removing), .stop(.awaitingPod):
        let due = max(self.requestDue, lease.sentAt + self.timing.renewPeriod)
        return (.renew(prevIndex: lease.modifiedIndex), due)
      case .yield, .stop(.releasing):
        guard self.manifest == .absent else { return nil }
        return (.release(prevIndex: lease.modifiedIndex), self.requestDue)
      case .stop(.finished): return nil
      }
    }
    guard self.intent == .contend else { return nil }
    switch self.view {
    case .unknown: return (.read, self.requestDue)
    case .absent:
      guard self.manifest == .absent else { return nil }
      return (.create, max(self.requestDue, self.contendDue))
    case .held: return (.read, max(self.requestDue, self.readDue))
    }
  }

  private mutating func requestEffects(at now: Instant) -> [Effect] {
    guard let (kind, due) = self.nextRequest, now >= due else { return [] }
    self.lastID += 1
    let request = Request(id: self.lastID, kind: kind, sentAt: now, seen: self.seen)
    self.inFlight = request
    return [.send(request)]
  }

  private var wantsWatch: Bool {
    guard self.isClean, self.watch == nil, self.view != .unknown else { return false }
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
    let leads = self.leads(at: now)
    if let leaseEnd, leads || self.intent == .stop(.awaitingPod) { dues.append(leaseEnd) }
    switch self.manifest {
    case .unknown: dues.append(self.removeDue)
    case .installed, .absent: dues += [self.lookDue, self.settledAt ?? self.lookDue]
    case .installing, .removing: break
    }
    if case .stop(.removing(let until, _)) = self.intent { dues.append(until) }
    if let (_, due) = self.nextRequest { dues.append(due) }
    if self.wantsWatch { dues.append(self.watchDue) }
    if self.line != nil { dues.append(self.lineDue) }
    return dues.filter { $0 > now }.min()
  }
}
