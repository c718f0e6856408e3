/// The record of terms beside the lock key: whether the pod of an earlier term may still run, and what
/// later terms learn from us. A part of ``Election``, and a value like it.
///
/// The side key holds one ``TermRecord``, and every change of it is compared with the version that was
/// read. A term installs only after its own record was acknowledged, and a term is marked as ended only
/// when its manifest is gone and its pod does not run. So a process that has read a record and then
/// replaced it knows of every term that may have installed anything: the record names the last of them.
struct TermLedger: Equatable, Sendable {
  /// What the side key holds.
  private enum Record: Equatable {
    /// It has to be read.
    case unknown
    case absent
    /// `nil` when it is no record of an elector.
    case present(TermRecord?, modifiedIndex: UInt64)
  }

  /// The latest term, other than ours, that was seen in the lock key.
  private enum Trace: Equatable {
    case none
    case term(UInt64)
    /// The store was restored or replaced: it may not know the latest terms.
    case forgotten
  }

  private let candidate: Candidate
  private let timing: Timing

  private var record = Record.unknown
  private var trace = Trace.none
  /// Whether the record shows, or may show, that a term of ours goes on.
  private(set) var owesReceipt = false
  /// Whether a record has shown that a term of an earlier process of ours goes on.
  private(set) var tellsOfEarlierProcess = false
  /// The first term of this process that a record of ours is of.
  private var firstTerm: UInt64?

  /// How long the pod may run by the last record that was sent; `nil` after a receipt or a read.
  private var sentTime: Duration?
  /// A record with a settled pod's time may arrive later, if nothing is written meanwhile.
  private var mayShorten = false

  /// When the record was read last.
  private var readAt = Instant.start
  /// Earliest time of the next request about the record.
  private var requestDue = Instant.start
  private(set) var failures = 0

  init(candidate: Candidate, timing: Timing) {
    self.candidate = candidate
    self.timing = timing
  }

  // MARK: Facts about the lock key

  /// A term of ours begins.
  mutating func won(at now: Instant) {
    // A term that has just ended may have left its receipt a moment ago.
    self.record = .unknown
    self.mayShorten = false
    self.requestDue = now
    self.failures = 0
  }

  /// The key is held in another term than ours.
  mutating func saw(term: UInt64) {
    if case .term(let known) = self.trace, known >= term { return }
    self.trace = .term(term)
  }

  /// The store was restored or replaced.
  /// - Parameter wasOurs: whether the lease was believed to be ours.
  mutating func storeWentBack(wasOurs: Bool) {
    self.record = .unknown
    self.trace = wasOurs ? .none : .forgotten
  }

  // MARK: Facts about the record

  mutating func found(_ record: TermRecord?, modifiedIndex: UInt64, at now: Instant) {
    self.readAt = now
    self.learn(.present(record, modifiedIndex: modifiedIndex))
  }

  mutating func foundNothing(at now: Instant) {
    self.readAt = now
    self.learn(.absent)
  }

  mutating func wrote(_ record: TermRecord, modifiedIndex: UInt64) {
    self.mayShorten = false
    self.learn(.present(record, modifiedIndex: modifiedIndex))
  }

  /// Another process has written it since it was read. It is read again at once the first time, but not
  /// in a loop.
  mutating func wasChanged(at now: Instant) {
    self.record = .unknown
    self.failures += 1
    if self.failures > 1 { self.pause(from: now) }
  }

  /// - Parameter mayBeApplied: `false` when the request surely has changed nothing.
  mutating func failed(mayBeApplied: Bool, at now: Instant) {
    if mayBeApplied {
      self.record = .unknown
      if let sentTime, sentTime < self.timing.podOutlivesLease() { self.mayShorten = true }
    } else {
      self.owesReceipt = self.openRecord != nil
    }
    self.failures += 1
    self.pause(from: now)
  }

  /// A request is about to be sent; a write may be applied even if its answer is lost.
  mutating func isSent(_ kind: Election.Request.Kind) {
    self.sentTime = nil
    guard case .writeRecord(let record, _) = kind else { return }
    if !record.isEnded {
      self.sentTime = record.podOutlivesLease
      if self.firstTerm == nil { self.firstTerm = record.term }
    }
    self.owesReceipt = true
  }

  private mutating func pause(from now: Instant) {
    self.requestDue =
      now + self.timing.retryPause(afterFailures: self.failures, keepingLease: true)
  }

  private mutating func learn(_ record: Record) {
    self.failures = 0
    self.record = record
    self.owesReceipt = self.openRecord != nil
    if let openRecord, openRecord.term < self.firstTerm ?? .max {
      self.tellsOfEarlierProcess = true
    }
  }

  // MARK: What the record shows

  /// The record, if it shows that a term of ours goes on.
  private var openRecord: TermRecord? {
    guard case .present(let record?, _) = self.record, self.isOurs(record), !record.isEnded else {
      return nil
    }
    return record
  }

  /// Whether the record shows that this term of ours goes on.
  func names(_ term: UInt64) -> Bool { self.openRecord?.term == term }

  /// Another process with the same three values is an earlier one of ours: both have the same file and
  /// the same kubelet.
  private func isOurs(_ record: TermRecord) -> Bool {
    !self.candidate.bootID.isEmpty && record.candidate == self.candidate
  }

  private var modifiedIndex: UInt64? {
    guard case .present(_, let index) = self.record else { return nil }
    return index
  }

  // MARK: Taking over

  /// How long a winner waits, counted from when it won; `nil` while the record has to be read.
  var delay: Duration? {
    if case .unknown = self.record { return nil }
    if self.timing.profile == .podmaster { return .zero }
    let own = self.timing.lockDelay
    guard case .present(let found, _) = self.record, let record = found else {
      switch self.trace {
      case .forgotten: return self.timing.ttl + own
      case .term: return own
      case .none: return self.record != .absent || self.timing.profile == .strict ? own : .zero
      }
    }
    let recorded = self.delay(after: record)
    switch self.trace {
    // Its last holder may believe in its lease for as long as the lease is valid.
    case .forgotten: return self.timing.ttl + max(own, recorded)
    // That holder writes no records, or ended before it could: then this record still counts.
    case .term(let seen) where record.term < seen: return max(own, recorded)
    case .term, .none: return recorded
    }
  }

  private func delay(after record: TermRecord) -> Duration {
    record.isEnded || self.isOurs(record) ? .zero : record.podOutlivesLease
  }

  /// What is left of ``delay`` for a winner, if anything.
  func rest(since wonAt: Instant, at now: Instant) -> Duration? {
    guard let delay, now < wonAt + delay else { return nil }
    return wonAt + delay - now
  }

  /// The term whose pod a winner waits for; `nil` when it is not known.
  var predecessor: UInt64? {
    switch (self.record, self.trace) {
    case (.present(let record?, _), .none): record.term
    case (.present(let record?, _), .term(let seen)): max(record.term, seen)
    case (_, .term(let seen)): seen
    default: nil
    }
  }

  /// What a winner asks the store for until it may install.
  /// - Parameter wonAt: when the answer to its creation came. Only at that instant is
  ///   it certain that the lease before was over.
  func claimSteps(for term: UInt64, since wonAt: Instant) -> [Election.Step] {
    guard let delay else { return [(.readRecord, self.requestDue)] }
    let record = TermRecord(
      term: term, isEnded: false, candidate: self.candidate,
      podOutlivesLease: self.timing.podOutlivesLease())
    let end = wonAt + delay
    var steps: [Election.Step] = [
      (.writeRecord(record, prevIndex: self.modifiedIndex), max(end, self.requestDue))
    ]
    let nextRead = self.readAt + self.timing.receiptPeriod(waiting: delay)
    if nextRead < end { steps.append((.readRecord, max(nextRead, self.requestDue))) }
    return steps
  }

  // MARK: Leading

  /// Whether the record surely gives the pod of our term a young pod's time to end.
  func allowsYoungPod(of term: UInt64) -> Bool {
    guard let openRecord, openRecord.term == term, !self.mayShorten else { return false }
    return Self.shows(openRecord, atLeast: self.timing.podOutlivesLease())
  }

  /// Brings the record up to date with the age of our pod, which a successor cannot know.
  func ageSteps(for term: UInt64, isYoung: Bool) -> [Election.Step] {
    if case .unknown = self.record { return [(.readRecord, self.requestDue)] }
    guard var record = self.openRecord, record.term == term else { return [] }
    let time = self.timing.podOutlivesLease(isYoung: isYoung)
    let isRight =
      isYoung
      ? self.allowsYoungPod(of: term)
      : Self.shows(record, atLeast: time) && !Self.shows(record, atLeast: time + .milliseconds(2))
    if isRight { return [] }
    record.podOutlivesLease = time
    return [(.writeRecord(record, prevIndex: self.modifiedIndex), self.requestDue)]
  }

  /// A record is written in whole milliseconds, rounded up.
  private static func shows(_ record: TermRecord, atLeast time: Duration) -> Bool {
    record.podOutlivesLease >= time
  }

  // MARK: Leaving

  /// How to write the receipt that is owed, once the pod has ended.
  func receiptStep() -> Election.Step? {
    guard self.owesReceipt else { return nil }
    guard var record = self.openRecord else { return (.readRecord, self.requestDue) }
    record.isEnded = true
    return (.writeRecord(record, prevIndex: self.modifiedIndex), self.requestDue)
  }

  /// A process without a lease reads the record once: an earlier process of ours may have left its term
  /// open.
  func readStep() -> Election.Step? {
    guard case .unknown = self.record else { return nil }
    return (.readRecord, self.requestDue)
  }
}
