import Logging

extension ElectionService {
  /// Puts a report into words. The recipe's two lines stand as podmaster wrote them, without metadata.
  func log(_ report: Election.Report, name: String) {
    switch report {
    case .leading:
      self.logger.info("key already exists, we are the master (\(name))")
    case .following(let leader):
      self.logger.info("key already exists, the master is \(leader), sleeping.")
    case .acquired(let term):
      self.logger.info("we are the master now", metadata: ["term": "\(term)"])
    case .regained(let term):
      self.logger.info("we are the master again", metadata: ["term": "\(term)"])
    case .lost(let term, let loss):
      self.logger.warning(
        "we are no longer the master", metadata: ["term": "\(term)", "reason": "\(loss)"])
    case .nameClash(let term):
      self.logger.warning(
        """
        the key is held under our own name, by an earlier run or by another elector with the same \
        --whoami; waiting for it to end
        """, metadata: ["whoami": "\(name)", "term": "\(term)"])
    case .storeFails(let reason):
      self.logger.error("the store does not do as asked", metadata: ["reason": "\(reason)"])
    case .storeAnswersAgain:
      self.logger.info("the store answers again")
    case .storeWentBack(let from, let to):
      self.logger.error(
        "the store's index went back: it was restored or replaced",
        metadata: ["from": "\(from)", "to": "\(to)"])
    case .cannotInstall(let reason, let pause):
      self.logger.error(
        "cannot install the manifest, giving the lock away",
        metadata: ["reason": "\(reason)", "retry_in": "\(pause)"])
    case .podFails(let reason, let pause):
      self.logger.error(
        "the pod does not run as it should, giving the lock away",
        metadata: ["reason": "\(reason)", "retry_in": "\(pause)"])
    case .steppingDown(let duration):
      self.logger.info(
        "asked to leave the lock to others",
        metadata: ["for": "\(duration.map { "\($0)" } ?? "until resumed")"])
    case .resuming:
      self.logger.info("asked to take part again")
    case .cannotRemove(let reason):
      self.logger.error("cannot remove the manifest", metadata: ["reason": "\(reason)"])
    case .sourceFails(let reason):
      self.logger.warning(
        "cannot read the source; what is installed stays", metadata: ["reason": "\(reason)"])
    case .waiting(let term, let rest):
      self.logger.info(
        "the pod of an earlier master may run still: waiting before the manifest is installed",
        metadata: ["term": "\(term.map { "\($0)" } ?? "unknown")", "up_to": "\(rest)"])
    case .podHasEnded(let term):
      self.logger.info("our pod has ended, others need not wait", metadata: ["term": "\(term)"])
    case .recordFails(let reason):
      self.logger.error(
        "cannot read or write the record of terms beside the key", metadata: ["reason": "\(reason)"]
      )
    case .awaitingPodEnd:
      self.logger.info("waiting for the pod to end")
    case .podOverdue:
      self.logger.warning("the pod still runs after its grace period")
    case .released(let term):
      self.logger.info("released the lock", metadata: ["term": "\(term)"])
    case .notReleased(let term, let reason):
      self.logger.warning(
        "the lock is left to expire", metadata: ["term": "\(term)", "reason": "\(reason)"])
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
