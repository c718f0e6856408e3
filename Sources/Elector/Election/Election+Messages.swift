import EtcdClient

extension Election {
  /// A fact. Each ``Effect`` that promises an answer gets exactly one; the answers about the manifest
  /// come in the order of their effects.
  public enum Event: Equatable, Sendable {
    /// The very first event.
    case started
    /// The alarm rang; early or twice does no harm.
    case woke
    /// The destination is absent.
    case removed
    case removeFailed(reason: String)
    /// What became of an installation.
    case installation(ElectionInstallation)
    /// Something happened to the source or to the destination.
    case filesChanged
    case answered(id: Int, Answer)
    /// The store's clock shows that our machine, with its clocks, stood still for so long since the start.
    case stoodStill(total: Duration)
    case watched(id: Int, KeyChange)
    case watchFailed(id: Int, reason: String)
    /// There is evidence that the pod has ended: the kubelet's word.
    case podEnded(id: Int)
    /// The kubelet still lists the pod although its time to end is over.
    case podOverdue(id: Int)
    /// Nothing shows whether the pod has ended.
    case podUnproven(id: Int)
    /// The kubelet's view of the pod; `nil` when the kubelet gives none.
    case podObserved(id: Int, PodObservation?)
    /// An operator wants this node to leave the lock to others for this time, or with `nil` until `resume`.
    case stepDown(for: Duration?)
    case resume
    /// Another elector with a larger priority wants to lead: leave the lock to others for this time. It ends no
    /// step-down of an operator.
    case giveWay(for: Duration)
    /// The elector has to end.
    case stop
  }

  /// What is to be done, in this order. A removal is carried out before anything that follows it.
  public enum Effect: Equatable, Sendable {
    /// Answered by `removed` or `removeFailed`.
    case removeManifest
    /// Make the destination the source's copy, unless it is already, and unless `before` has passed
    /// at the very moment of the rename. Answered by `installation`.
    case installManifest(term: UInt64, before: Instant)
    /// The installed manifest may stay until then. Not answered.
    case extendManifest(until: Instant)
    /// Answered by `answered`, within ``Timing/requestTimeout``.
    case send(Request)
    /// Wait for a change of the key after this index of the store, instead of any earlier watch.
    /// Answered by `watched` or `watchFailed` when something happens.
    case watch(id: Int, after: UInt64)
    /// Answered by `podEnded`, `podOverdue` or `podUnproven`.
    /// - `isYoung`: whether the kubelet may notice the removal late.
    case awaitPodEnd(id: Int, isYoung: Bool = false)
    /// Answered by `podObserved`.
    case observePod(id: Int)
    /// Ring at this instant, instead of any earlier alarm.
    case wake(at: Instant)
    /// Log and count this.
    case report(Report)
    /// Nothing follows.
    case finish(Outcome)
  }

  /// How an election ended.
  public enum Outcome: Equatable, Sendable {
    /// The manifest is gone.
    case clean
    /// The manifest could not be removed; the lease, if there is one, was not released.
    case manifestLeft(reason: String)
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

      var concernsRecord: Bool { self.lease == nil }

      /// The request about the lock key; `nil` when this one concerns the record.
      package var lease: LeaseRequest? {
        switch self {
        case .read: .read
        case .create: .create
        case .renew(let index): .renew(ifIndex: index)
        case .release(let index): .release(ifIndex: index)
        case .readRecord, .writeRecord: nil
        }
      }
    }

    public let id: Int
    public let kind: Kind
    /// When it was decided to send it, which is before it was sent: a lease that it brings is believed
    /// from here on.
    public internal(set) var sentAt: Instant
    /// What the store's index was at least, then. A linearizable read cannot show less.
    let storeIndex: UInt64

    package init(id: Int, kind: Kind, sentAt: Instant, storeIndex: UInt64) {
      self.id = id
      self.kind = kind
      self.sentAt = sentAt
      self.storeIndex = storeIndex
    }
  }

  /// A request that can come next, and the earliest time for it.
  typealias Step = (kind: Request.Kind, due: Instant)

  /// What a request came to.
  public enum Answer: Equatable, Sendable {
    /// A read found the key; `index` is the store's.
    /// - `remaining`: the longest time for which the lease is valid.
    case found(Holder, index: UInt64, remaining: LeaseRest = .unknown)
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
    /// The lock has no TTL, so that no elector gets it before a person removes it.
    case neverEnds(holder: String)
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
    /// The manifest is installed, and could not be removed at present.
    case diskFails(reason: String)
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

  /// An election at an instant.
  public struct Snapshot: Equatable, Sendable {
    /// The holder of the lock in the store's latest answer; `nil` when there is none or it is not known.
    public var leader: String?
    /// The holder's term.
    public var term: UInt64?
    /// Whether we believe in our lease.
    public var leads: Bool
    /// Whether the manifest is where the kubelet finds it.
    public var isInstalled: Bool
    /// Why the manifest could not be removed, or would not be; `nil` when it is absent or the disk is well.
    public var stuck: String?
    /// How long our lease is valid at least, and how old its last renewal is.
    public var leaseRest: Duration?
    public var renewalAge: Duration?
    /// The rest of the lock-delay.
    public var waitsFor: Duration?
    /// How long we leave the lock to others.
    public var standsBackFor: Duration?
    /// Whether we leave the lock to others until an operator resumes.
    public var isSteppedDown: Bool
  }

  /// The election at this instant.
  public func snapshot(at now: Instant) -> Snapshot {
    var (leader, term) = (self.lease.map { _ in self.name }, self.lease?.term)
    if case .held(let holder) = self.role.key { (leader, term) = (holder.name, holder.term) }
    return Snapshot(
      leader: leader, term: term, leads: self.leads(at: now),
      isInstalled: self.manifest.file == .installed, stuck: self.manifest.stuck,
      leaseRest: self.lease.map { max(.zero, $0.sentAt + self.timing.ttl - now) },
      renewalAge: self.lease.map { now - $0.sentAt },
      waitsFor: self.waitRest(at: now), standsBackFor: self.standBack.rest(at: now),
      isSteppedDown: self.standBack.isUnlimited)
  }
}
