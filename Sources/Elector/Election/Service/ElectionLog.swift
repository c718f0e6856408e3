import Logging

extension ElectionService {
  func log(_ report: Election.Report, name: String) {
    let (level, text, metadata) = Self.line(for: report, name)
    self.logger.log(level: level, text, metadata: metadata)
  }

  /// Puts a report into words. The recipe's two lines stand as podmaster wrote them, without metadata.
  private static func line(
    for report: Election.Report, _ name: String
  ) -> (Logger.Level, Logger.Message, Logger.Metadata) {
    switch report {
    case .leading: (.info, "key already exists, we are the master (\(name))", [:])
    case .following(let leader):
      (.info, "key already exists, the master is \(leader), sleeping.", [:])
    case .acquired(let term): (.info, "we are the master now", ["term": "\(term)"])
    case .regained(let term): (.info, "we are the master again", ["term": "\(term)"])
    case .lost(let term, let loss):
      (.warning, "we are no longer the master", ["term": "\(term)", "reason": "\(loss)"])
    case .nameClash(let term):
      (
        .warning,
        """
        the key is held under our own name, by an earlier run or by another elector with the same \
        --whoami; waiting for it to end
        """, ["whoami": "\(name)", "term": "\(term)"]
      )
    case .neverEnds(let holder):
      (
        .warning,
        """
        the lock has no TTL and never ends, since it was written by hand: delete its key once no pod of its holder \
        runs
        """, ["holder": "\(holder)"]
      )
    case .storeFails(let reason):
      (.error, "the store does not do as asked", ["reason": "\(reason)"])
    case .storeAnswersAgain: (.info, "the store answers again", [:])
    case .storeWentBack(let from, let to):
      (
        .error, "the store's index went back: it was restored or replaced",
        ["from": "\(from)", "to": "\(to)"]
      )
    case .cannotInstall(let reason, let pause):
      (
        .error, "cannot install the manifest, giving the lock away",
        ["reason": "\(reason)", "retry_in": "\(pause)"]
      )
    case .podFails(let reason, let pause):
      (
        .error, "the pod does not run as it should, giving the lock away",
        ["reason": "\(reason)", "retry_in": "\(pause)"]
      )
    case .steppingDown(let duration):
      (
        .info, "asked to leave the lock to others",
        ["for": "\(duration.map { "\($0)" } ?? "until resumed")"]
      )
    case .resuming: (.info, "asked to take part again", [:])
    case .cannotRemove(let reason):
      (
        .error, "cannot remove the manifest; a lease that we hold is renewed until we can",
        ["reason": "\(reason)"]
      )
    case .diskFails(let reason):
      (
        .error,
        "the disk takes no writes: we stay the master, since the manifest cannot be removed",
        ["reason": "\(reason)"]
      )
    case .sourceFails(let reason):
      (.warning, "cannot read the source; what is installed stays", ["reason": "\(reason)"])
    case .waiting(let term, let rest):
      (
        .info,
        "the pod of an earlier master may run still: waiting before the manifest is installed",
        ["term": "\(term.map { "\($0)" } ?? "unknown")", "up_to": "\(rest)"]
      )
    case .podHasEnded(let term):
      (.info, "no pod of ours runs, others need not wait", ["term": "\(term)"])
    case .recordFails(let reason):
      (.error, "cannot read or write the record of terms beside the key", ["reason": "\(reason)"])
    case .awaitingPodEnd: (.info, "waiting for the pod to end", [:])
    case .podOverdue:
      (
        .warning,
        """
        the kubelet still runs the pod although its manifest and its grace are over: it does not follow its \
        directory, perhaps since it was restarted without its API server
        """, [:]
      )
    case .released(let term): (.info, "released the lock", ["term": "\(term)"])
    case .notReleased(let term, let reason):
      (.warning, "the lock is left to expire", ["term": "\(term)", "reason": "\(reason)"])
    }
  }
}

extension Election.Loss: CustomStringConvertible {
  public var description: String {
    switch self {
    case .deadline: "not renewed in time"
    case .replaced(let other): "the master is \(other)"
    case .removed: "the key is gone"
    }
  }
}

/// Which reports are worth a line in the log: each reason of a trouble that goes on is logged once, and a trouble that
/// comes and goes, as with endpoints of which one works, some times a minute.
package struct ElectionNews: Equatable, Sendable {
  private enum Trouble: Hashable { case store, record, source, remove }
  /// The reasons that were logged since the trouble began.
  private var reasons: [Trouble: Set<String>] = [:]
  /// When the latest lines were logged.
  private var lines: [Trouble: [Instant]] = [:]

  package init() {}

  /// The most lines of one trouble in a minute.
  static let mostLines = 4

  package mutating func isNews(_ report: Election.Report, at now: Instant) -> Bool {
    switch report {
    case .storeFails(let reason): return self.isNew(reason, of: .store, at: now)
    case .recordFails(let reason): return self.isNew(reason, of: .record, at: now)
    case .sourceFails(let reason): return self.isNew(reason, of: .source, at: now)
    case .cannotRemove(let reason), .diskFails(let reason):
      // How long a disk has hung is no other reason.
      return self.isNew(reason.filter { !$0.isNumber }, of: .remove, at: now)
    case .storeAnswersAgain:
      // The end of what was not logged is no news either.
      defer { (self.reasons[.store], self.reasons[.record]) = (nil, nil) }
      return self.reasons[.store] != nil
    case .acquired, .regained, .lost, .released:
      (self.reasons[.source], self.reasons[.remove]) = (nil, nil)
    default: break
    }
    return true
  }

  private mutating func isNew(_ reason: String, of trouble: Trouble, at now: Instant) -> Bool {
    let latest = (self.lines[trouble] ?? []).filter { now - $0 < .seconds(60) }
    guard latest.count < Self.mostLines,
      self.reasons[trouble, default: []].insert(reason).inserted
    else { return false }
    self.lines[trouble] = latest + [now]
    return true
  }
}
