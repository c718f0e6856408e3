/// Who had the lock before us, whether their pod may still run, and what we tell those who come after:
/// a part of ``Election``, and a value like it.
///
/// The side key holds one ``TermRecord``, and every change of it is compared with the version that was
/// read. A term installs only after its own record was acknowledged, and a term is marked as ended only
/// when its manifest is gone and its pod does not run. So whoever has read a record and then replaced
/// it knows of every term that may have installed anything: the last one of them is in the record.
struct Succession: Equatable, Sendable {
  /// What the side key holds.
  private enum Record: Equatable {
    /// To be read.
    case unknown
    case absent
    /// `nil` when somebody else wrote something there.
    case present(TermRecord?, modifiedIndex: UInt64)
  }

  /// What has become of the lease that we hold.
  private enum Claim: Equatable {
    case none
    /// To `open` when the record says so.
    case won(term: UInt64, at: Instant)
    /// The manifest may be installed.
    case open(term: UInt64)
  }

  /// The latest term, other than ours, that was seen in the lock key.
  private enum Trace: Equatable {
    case none
    case term(UInt64)
    /// Those whom the store had known, it has forgotten.
    case forgotten
  }

  private let candidate: Candidate
  private let timing: Timing

  private var record = Record.unknown
  private var claim = Claim.none
  private var trace = Trace.none
  /// The record says, or may say, that a term of ours goes on.
  private(set) var owesReceipt = false

  /// When the record was read last.
  private var readAt = Instant.start
  private var requestDue = Instant.start
  private(set) var failures = 0

  init(candidate: Candidate, timing: Timing) {
    self.candidate = candidate
    self.timing = timing
  }

  typealias Step = (kind: Election.Request.Kind, due: Instant)

  // MARK: Facts about the lock key

  /// - Parameter now: when the answer to the creation came. The lease before was over by then, which
  ///   cannot be said of any earlier instant.
  mutating func won(term: UInt64, at now: Instant) {
    self.claim = .won(term: term, at: now)
    // A term that has just ended may have left its receipt a moment ago.
    self.record = .unknown
    self.requestDue = now
    self.failures = 0
  }

  mutating func lost() { self.claim = .none }

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
    self.learn(.present(record, modifiedIndex: modifiedIndex))
  }

  /// Somebody else wrote it since.
  /// - Parameter now: the first time it is read at once, but not in a loop.
  mutating func wasChanged(at now: Instant) {
    self.record = .unknown
    self.failures += 1
    if self.failures > 1 { self.pause(from: now) }
  }

  /// - Parameter isApplied: `false` when nothing was changed for sure.
  mutating func failed(isApplied: Bool?, at now: Instant) {
    if isApplied == false {
      self.owesReceipt = self.openRecord != nil
    } else {
      self.record = .unknown
    }
    self.failures += 1
    self.pause(from: now)
  }

  private mutating func pause(from now: Instant) {
    self.requestDue =
      now + self.timing.retryPause(afterFailures: self.failures, keepingLease: true)
  }

  private mutating func learn(_ record: Record) {
    self.failures = 0
    self.record = record
    self.owesReceipt = self.openRecord != nil
    if let term = self.openRecord?.term, case .won(term, _) = self.claim {
      self.claim = .open(term: term)
    }
  }

  /// The record, if it says that a term of ours goes on.
  private var openRecord: TermRecord? {
    guard case .present(let record?, _) = self.record, self.isOurs(record), !record.isEnded else {
      return nil
    }
    return record
  }

  /// Another process with the same three values is an earlier one of ours: there is one file and one
  /// kubelet for both.
  private func isOurs(_ record: TermRecord) -> Bool {
    !self.candidate.bootID.isEmpty && record.candidate == self.candidate
  }

  // MARK: Taking over

  /// Whether the manifest may be installed under this term.
  func isOpen(_ term: UInt64) -> Bool { self.claim == .open(term: term) }

  /// For how long a winner waits, counted from when it won; `nil` while the record is to be read.
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
    // Their last holder may believe in its lease for as long as it is valid.
    case .forgotten: return self.timing.ttl + max(own, recorded)
    // One who writes no records, or who ended before it could: then the record still counts.
    case .term(let seen) where record.term < seen: return max(own, recorded)
    case .term, .none: return recorded
    }
  }

  private func delay(after record: TermRecord) -> Duration {
    record.isEnded || self.isOurs(record) ? .zero : record.podOutlivesLease
  }

  /// What a winner is to do until it may install.
  func claimSteps() -> [Step] {
    guard case .won(let term, let wonAt) = self.claim else { return [] }
    guard let delay else { return [(.readRecord, self.requestDue)] }
    let record = TermRecord(
      term: term, isEnded: false, candidate: self.candidate,
      podOutlivesLease: self.timing.podOutlivesLease)
    let end = wonAt + delay
    var steps: [Step] = [
      (.writeRecord(record, prevIndex: self.modifiedIndex), max(end, self.requestDue))
    ]
    let look = self.readAt + self.timing.receiptPeriod(waiting: delay)
    if look < end { steps.append((.readRecord, max(look, self.requestDue))) }
    return steps
  }

  private var modifiedIndex: UInt64? {
    guard case .present(_, let index) = self.record else { return nil }
    return index
  }

  /// A write that may be applied even if we never hear of it is about to be sent.
  mutating func isSent(_ kind: Election.Request.Kind) {
    if case .writeRecord = kind { self.owesReceipt = true }
  }

  /// How long is still to be waited, if anything.
  func rest(at now: Instant) -> Duration? {
    guard case .won(_, let wonAt) = self.claim, let delay, now < wonAt + delay else { return nil }
    return wonAt + delay - now
  }

  /// The term whose pod is waited for; `nil` when it is not known.
  var predecessor: UInt64? {
    switch (self.record, self.trace) {
    case (.present(let record?, _), .none): record.term
    case (.present(let record?, _), .term(let seen)): max(record.term, seen)
    case (_, .term(let seen)): seen
    default: nil
    }
  }

  // MARK: Leaving

  /// How to write the receipt that is owed; the pod has ended.
  func receiptStep() -> Step? {
    guard self.owesReceipt else { return nil }
    guard var record = self.openRecord else { return (.readRecord, self.requestDue) }
    record.isEnded = true
    return (.writeRecord(record, prevIndex: self.modifiedIndex), self.requestDue)
  }

  /// Who follows reads the record once: an earlier process of ours may have left its term open.
  func lookStep() -> Step? {
    guard case .unknown = self.record else { return nil }
    return (.readRecord, self.requestDue)
  }
}
