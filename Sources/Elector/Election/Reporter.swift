/// Compares an election before and after an event, and decides what is reported. A part of ``Election``,
/// and a value like it.
///
/// Trouble that goes on is reported once per `--sleep`, and so is the recipe's line about the leader.
struct Reporter: Equatable, Sendable {
  /// What it compares.
  struct Snapshot: Equatable, Sendable {
    var role = Role()
    /// The latest term whose lease was left to expire.
    var leftTerm: UInt64?
    var file = ManifestState.File.unknown
    var request: Election.Request?
    /// Whether nothing shows what has become of the pod.
    var lacksEvidence = false
    var podQuestion: Int?
    /// The term that is believed.
    var leadingTerm: UInt64?
    /// The rest of the lock-delay.
    var waitRest: Duration?
    /// The term whose pod is waited for.
    var predecessor: UInt64?
    /// Whether the end of an earlier pod of ours is waited for.
    var awaitsOwnPod = false
    /// How long the lock is left to others after the latest failure.
    var standBack = Duration.zero
  }

  private let name: String
  private let period: Duration
  private var before = Snapshot()

  /// What is reported once per `--sleep`.
  private enum Subject: Hashable { case store, record, source, remove, line }
  /// The earliest times of the next reports.
  private var dues: [Subject: Instant] = [:]
  private var isStoreInTrouble = false
  /// The recipe's line as it was reported last.
  private var line: Election.Report?
  /// The terms that were reported as acquired, as waiting, and as a clash of names.
  private var acquiredTerm: UInt64?
  private var waitingTerm: UInt64?
  private var clashTerm: UInt64?
  /// The last change of a lock without a TTL that was reported.
  private var endlessIndex: UInt64?

  init(name: String, timing: Timing) {
    self.name = name
    self.period = timing.sleep
  }

  /// The instant at which a report may follow from time alone.
  var due: Instant? { self.line == nil ? nil : self.dues[.line] }

  /// - Returns: whether to report on a subject now.
  private mutating func isDue(_ subject: Subject, at now: Instant) -> Bool {
    if let due = self.dues[subject], now < due { return false }
    self.dues[subject] = now + self.period
    return true
  }

  /// - Parameter after: the election once all that follows from the event has been decided.
  mutating func reports(
    of event: Election.Event, after: Snapshot, at now: Instant
  ) -> [Election.Report] {
    defer { self.before = after }
    let answered = self.answered(by: event)
    var reports = self.facts(of: event, at: now)
    if let answered {
      reports +=
        answered.request.kind.concernsRecord
        ? self.recordFacts(answered, at: now) : self.lockFacts(answered, at: now)
    }
    reports += self.yielding(after) + self.leaseLeft(by: event, after) + self.nameClash(after)
    if let answered { reports += self.recovery(by: answered) }
    if after.role.stop == .awaitingPod, self.before.role.stop != .awaitingPod {
      reports.append(.awaitingPodEnd)
    }
    let isOlderStore = answered?.olderIndex != nil
    reports += self.leadership(after, isOlderStore: isOlderStore) + self.waits(after)
    return reports + self.recipeLine(after, at: now)
  }

  // MARK: Facts

  private mutating func facts(of event: Election.Event, at now: Instant) -> [Election.Report] {
    switch event {
    case .removeFailed(let reason):
      let isNews = self.before.file == .removing && self.isDue(.remove, at: now)
      return isNews ? [.cannotRemove(reason: reason)] : []
    case .installation(.kept(let reason)):
      let isNews = self.before.file == .installing && self.isDue(.source, at: now)
      return isNews ? [.sourceFails(reason: reason)] : []
    case .installation(.fixed(let reason)):
      let isNews = self.before.file == .installing && self.isDue(.remove, at: now)
      return isNews ? [.diskFails(reason: reason)] : []
    case .podOverdue(let id): return id == self.before.podQuestion ? [.podOverdue] : []
    case .stepDown(let duration):
      return self.before.role.stop == nil ? [.steppingDown(for: duration)] : []
    case .resume: return [.resuming]
    case .giveWay(let duration):
      return self.before.role.stop == nil ? [.steppingDown(for: duration)] : []
    case .started, .woke, .removed, .installation, .filesChanged, .answered, .stoodStill, .watched,
      .watchFailed, .podEnded, .podUnproven, .podObserved, .stop:
      return []
    }
  }

  /// An answer to the request that was under way.
  private struct Answered {
    var request: Election.Request
    var answer: Election.Answer

    /// Why the request failed; `nil` when the store answered it.
    var failure: String? {
      switch self.answer {
      case .failed(let reason), .unanswered(let reason): reason
      case .found, .absent, .granted, .released, .exists, .changed, .recordFound, .recordAbsent,
        .recordWritten:
        nil
      }
    }

    /// The store's index, if it went back.
    var olderIndex: UInt64? {
      switch self.answer {
      case .found(_, let index, _) where index < self.request.storeIndex,
        .absent(let index) where index < self.request.storeIndex:
        self.request.kind.concernsRecord ? nil : index
      default: nil
      }
    }
  }

  private func answered(by event: Election.Event) -> Answered? {
    guard case .answered(let id, let answer) = event, let request = self.before.request,
      request.id == id
    else { return nil }
    return Answered(request: request, answer: answer)
  }

  private mutating func recordFacts(_ answered: Answered, at now: Instant) -> [Election.Report] {
    if case .writeRecord(let record, _) = answered.request.kind, record.isEnded,
      case .recordWritten = answered.answer
    {
      return [.podHasEnded(term: record.term)]
    }
    guard let reason = answered.failure, self.isDue(.record, at: now) else { return [] }
    return [.recordFails(reason: reason)]
  }

  private mutating func lockFacts(_ answered: Answered, at now: Instant) -> [Election.Report] {
    if let index = answered.olderIndex {
      return [.storeWentBack(from: answered.request.storeIndex, to: index)]
    }
    // The watch may have brought it already, hence the term from memory.
    if case .released = answered.answer,
      let term = self.before.role.lease?.term ?? self.acquiredTerm
    {
      return [.released(term: term)]
    }
    if case .found(let holder, _, .endless) = answered.answer,
      holder.modifiedIndex != self.endlessIndex
    {
      self.endlessIndex = holder.modifiedIndex
      return [.neverEnds(holder: holder.name)]
    }
    guard let reason = answered.failure else { return [] }
    if !self.isStoreInTrouble { self.dues[.store] = nil }
    self.isStoreInTrouble = true
    return self.isDue(.store, at: now) ? [.storeFails(reason: reason)] : []
  }

  private mutating func recovery(by answered: Answered) -> [Election.Report] {
    guard self.isStoreInTrouble, !answered.request.kind.concernsRecord, answered.failure == nil
    else { return [] }
    self.isStoreInTrouble = false
    return [.storeAnswersAgain]
  }

  // MARK: What became of the lease

  /// A process that gives up before the lease is released: the store will end the lease.
  private func leaseLeft(by event: Election.Event, _ after: Snapshot) -> [Election.Report] {
    guard let term = after.leftTerm, term != self.before.leftTerm else { return [] }
    if after.lacksEvidence {
      return [.notReleased(term: term, reason: "no kubelet has said that the pod has ended")]
    }
    switch event {
    case .podOverdue: return [.notReleased(term: term, reason: "the pod still runs")]
    case .answered(_, .failed(let reason)), .answered(_, .unanswered(let reason)):
      return [.notReleased(term: term, reason: reason)]
    case .answered(_, .exists), .answered(_, .changed):
      return [.notReleased(term: term, reason: "the key changes under our hands")]
    default: return []
    }
  }

  private func yielding(_ after: Snapshot) -> [Election.Report] {
    guard self.before.role.contends, case .yielding(let cause) = after.role.leaving else {
      return []
    }
    switch cause {
    case .cannotInstall(let reason):
      return [.cannotInstall(reason: reason, retryIn: after.standBack)]
    case .podFails(let reason): return [.podFails(reason: reason, retryIn: after.standBack)]
    case .steppedDown: return []
    }
  }

  private mutating func nameClash(_ after: Snapshot) -> [Election.Report] {
    guard after.role.lease == nil, case .held(let holder) = after.role.key,
      holder.name == self.name, holder.term != self.clashTerm, holder.term != after.leftTerm
    else { return [] }
    self.clashTerm = holder.term
    return [.nameClash(term: holder.term)]
  }

  private mutating func leadership(_ after: Snapshot, isOlderStore: Bool) -> [Election.Report] {
    guard after.leadingTerm != self.before.leadingTerm else { return [] }
    var reports: [Election.Report] = []
    if let term = self.before.leadingTerm, after.role.contends {
      reports.append(.lost(term: term, self.loss(of: term, after, isOlderStore: isOlderStore)))
    }
    if let term = after.leadingTerm {
      reports.append(term == self.acquiredTerm ? .regained(term: term) : .acquired(term: term))
      self.acquiredTerm = term
      self.line = nil
    }
    return reports
  }

  private func loss(of term: UInt64, _ after: Snapshot, isOlderStore: Bool) -> Election.Loss {
    if after.role.lease?.term == term { return .deadline }
    // What an older copy of the store holds has replaced nothing.
    guard !isOlderStore, case .held(let holder) = after.role.key else { return .removed }
    return .replaced(by: holder.name)
  }

  private mutating func waits(_ after: Snapshot) -> [Election.Report] {
    var reports: [Election.Report] = []
    if let term = after.leadingTerm, term != self.waitingTerm, let rest = after.waitRest {
      self.waitingTerm = term
      reports.append(.waiting(term: after.predecessor, upTo: rest))
    }
    if after.awaitsOwnPod, !self.before.awaitsOwnPod { reports.append(.awaitingPodEnd) }
    return reports
  }

  // MARK: The recipe's line

  private mutating func recipeLine(_ after: Snapshot, at now: Instant) -> [Election.Report] {
    let line: Election.Report
    if after.leadingTerm != nil {
      line = .leading
    } else if after.role.stop == nil, case .follower(let holder) = after.role.standing,
      !self.isStoreInTrouble
    {
      line = .following(leader: holder.name)
    } else {
      return []
    }
    if line != self.line { self.dues[.line] = nil }
    self.line = line
    return self.isDue(.line, at: now) ? [line] : []
  }
}
