extension Election {
  /// What an operator may want to know.
  public enum Report: Equatable, Sendable {
    /// The lease is ours by creation.
    case acquired(term: UInt64)
    /// The lease was ours all the time, as it turned out.
    case regained(term: UInt64)
    case lost(term: UInt64, Loss)
    /// Once per `--sleep` while leading.
    case leading
    /// Once per `--sleep` while another one leads.
    case following(leader: String)
    /// The key is held under our name, in a term that this process did not begin.
    case nameClash(term: UInt64)
    case storeFails(reason: String)
    case storeAnswersAgain
    /// The store's index went back: it was restored or replaced.
    case storeWentBack(from: UInt64, to: UInt64)
    case cannotInstall(reason: String, retryIn: Duration)
    /// The pod does not do what ``PodLimits`` ask.
    case podFails(reason: String, retryIn: Duration)
    /// - `for`: `nil` when only `resume` ends it.
    case steppingDown(for: Duration?)
    case resuming
    case cannotRemove(reason: String)
    /// The source cannot be read, but what is installed stays.
    case sourceFails(reason: String)
    /// The lock is ours, but the pod of an earlier term may still run.
    case waiting(term: UInt64?, upTo: Duration)
    /// The receipt was written for a term of ours.
    case podHasEnded(term: UInt64)
    /// The side key cannot be read or written.
    case recordFails(reason: String)
    case awaitingPodEnd
    case podOverdue
    case released(term: UInt64)
    /// The lease was left to expire.
    case notReleased(term: UInt64, reason: String)
  }

  /// Why a lease was lost.
  public enum Loss: Equatable, Sendable {
    /// No renewal was granted in time.
    case deadline
    /// Another process holds the key.
    case replaced(by: String)
    /// The key was deleted or has expired.
    case removed
  }
}
