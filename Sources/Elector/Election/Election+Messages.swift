extension Election {
  /// A fact. Each ``Effect`` that promises an answer gets exactly one, in the order of the effects as
  /// far as the manifest is concerned.
  public enum Event: Equatable, Sendable {
    /// The very first event.
    case started
    /// The alarm rang; early or twice does no harm.
    case woke
    /// The destination is absent.
    case removed
    case removeFailed(reason: String)
    /// The destination is the source, byte for byte.
    case installed
    /// The source cannot be read any more; the destination is what was installed before.
    case kept(reason: String)
    /// The instant named by the effect had passed: the destination was left as it was.
    case installTooLate
    /// The destination is absent, old, or unknown.
    /// - `isUntouched`: it is for sure what it was before.
    case installFailed(reason: String, isUntouched: Bool)
    /// Something happened to the source or to the destination.
    case filesChanged
    case answered(id: Int, Answer)
    case watched(id: Int, Change)
    /// The pod has ended, or its time to end is over and the kubelet does not say otherwise.
    case podEnded(id: Int)
    /// The kubelet still lists the pod although its time to end is over.
    case podOverdue(id: Int)
    /// What the kubelet says of the pod; `nil` when it does not say.
    case podObserved(id: Int, PodObservation?)
    /// A person wants us to leave the lock to others for so long, or with `nil` until `resume`.
    case stepDown(for: Duration?)
    case resume
    /// The elector is to end.
    case stop
  }

  /// What is to be done, in this order. One that is told to remove does so before it does anything
  /// else.
  public enum Effect: Equatable, Sendable {
    /// Answered by `removed` or `removeFailed`.
    case removeManifest
    /// Make the destination the source's copy, unless it is already, and unless `before` has passed
    /// at the very moment of the rename. Answered by `installed`, `kept`, `installTooLate` or
    /// `installFailed`.
    case installManifest(term: UInt64, before: Instant)
    /// Answered by `answered`, within ``Timing/requestTimeout``.
    case send(Request)
    /// Wait for a change of the key after this index of the store, instead of any earlier watch.
    /// Answered by `watched` when something happens.
    case watch(id: Int, after: UInt64)
    /// Answered by `podEnded` or `podOverdue`.
    case awaitPodEnd(id: Int)
    /// Answered by `podObserved`.
    case observePod(id: Int)
    /// Ring at this instant, instead of any earlier alarm.
    case wake(at: Instant)
    /// To be told to people.
    case report(Report)
    /// Nothing follows.
    case finish(Outcome)
  }

  /// One request to the store; there is never more than one under way.
  public struct Request: Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
      /// With a quorum.
      case read
      /// Only if there is no key.
      case create
      /// Only if the key was last changed at this index.
      case renew(prevIndex: UInt64)
      case release(prevIndex: UInt64)
      /// What the side key holds, with a quorum.
      case readRecord
      /// Into the side key, only if it was last changed at this index; `nil` only if there is none.
      case writeRecord(TermRecord, prevIndex: UInt64?)

      var concernsRecord: Bool {
        switch self {
        case .readRecord, .writeRecord: true
        case .read, .create, .renew, .release: false
        }
      }
    }

    public let id: Int
    public let kind: Kind
    /// When it was decided to send it, which is before it was sent: a lease it brings is believed
    /// from here on.
    public let sentAt: Instant
    /// What the store's index was at least, then. A linearizable read cannot show less.
    let seen: UInt64

    package init(id: Int, kind: Kind, sentAt: Instant, seen: UInt64) {
      self.id = id
      self.kind = kind
      self.sentAt = sentAt
      self.seen = seen
    }
  }

  public enum Answer: Equatable, Sendable {
    /// A read found the key; `index` is the store's.
    /// - `remaining`: how long the lease is valid for, at most; `nil` when the store does not say.
    case found(Holder, index: UInt64, remaining: Duration? = nil)
    /// There is no key: to a read, a renewal or a release.
    case absent(index: UInt64)
    /// A creation or a renewal was applied.
    case granted(term: UInt64, modifiedIndex: UInt64)
    /// A release was applied.
    case released(index: UInt64)
    /// The key is there already: to a creation.
    case exists
    /// The key was changed since: to a renewal, a release, or a write of the record.
    case changed
    /// The side key was read; `nil` when what it holds is no record.
    case recordFound(TermRecord?, modifiedIndex: UInt64)
    case recordAbsent
    case recordWritten(modifiedIndex: UInt64)
    /// Surely not applied: no connection, or an error of another kind.
    case failed(reason: String)
    /// Perhaps applied, perhaps yet to be.
    case unanswered(reason: String)
  }

  /// What a watch saw.
  public enum Change: Equatable, Sendable {
    /// The key was written.
    case written(Holder)
    /// The key was deleted or expired at this index.
    case removed(index: UInt64)
    /// The history no longer goes back so far.
    case historyCleared
    case broken(reason: String)
  }

  /// What a person may want to know.
  public enum Report: Equatable, Sendable {
    /// The lease is ours by creation.
    case acquired(term: UInt64)
    /// The lease was ours all the time, as it turned out.
    case regained(term: UInt64)
    case lost(term: UInt64, Loss)
    /// Once per `--sleep` while leading.
    case leading
    /// Once per `--sleep` while another one leads.
    case following(master: String)
    /// Somebody holds the key under our name, in a term that this process did not begin.
    case nameClash(term: UInt64)
    case storeFails(reason: String)
    case storeAnswersAgain
    /// The store's index went back: it was restored or replaced.
    case storeWentBack(from: UInt64, to: UInt64)
    case cannotInstall(reason: String, retryIn: Duration)
    /// The pod does not do what ``PodLimits`` ask.
    case podFails(reason: String, retryIn: Duration)
    /// A person wants it so; `nil` until further notice.
    case steppingDown(for: Duration?)
    case resuming
    case cannotRemove(reason: String)
    /// The source cannot be read, but what is installed stays.
    case sourceFails(reason: String)
    /// The lock is ours, but the pod of an earlier term may run still.
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
    /// The key is held by another one.
    case replaced(by: String)
    /// The key was deleted or has expired.
    case removed
  }

  /// How it ended.
  public enum Outcome: Equatable, Sendable {
    /// The manifest is gone.
    case clean
    /// The manifest could not be removed; the lease, if there is one, was not released.
    case manifestLeft(reason: String)
  }
}
