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
    /// The destination is the source, byte for byte.
    case installed
    /// The source can no longer be read; the destination is what was installed before.
    case kept(reason: String)
    /// The instant named by the effect had passed: the destination was left as it was.
    case installTooLate
    /// The destination is absent, old, or unknown.
    /// - `isUntouched`: whether it surely is what it was before.
    case installFailed(reason: String, isUntouched: Bool)
    /// Something happened to the source or to the destination.
    case filesChanged
    case answered(id: Int, Answer)
    case watched(id: Int, KeyChange)
    case watchFailed(id: Int, reason: String)
    /// The pod has ended, or its time to end is over and the kubelet does not contradict.
    case podEnded(id: Int)
    /// The kubelet still lists the pod although its time to end is over.
    case podOverdue(id: Int)
    /// The kubelet's view of the pod; `nil` when the kubelet gives none.
    case podObserved(id: Int, PodObservation?)
    /// An operator wants this node to leave the lock to others for this time, or with `nil` until `resume`.
    case stepDown(for: Duration?)
    case resume
    /// The elector has to end.
    case stop
  }

  /// What is to be done, in this order. A removal is carried out before anything that follows it.
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
    /// Answered by `watched` or `watchFailed` when something happens.
    case watch(id: Int, after: UInt64)
    /// Answered by `podEnded` or `podOverdue`.
    case awaitPodEnd(id: Int)
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
}
