import EtcdClient

extension Election {
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
    /// When it was decided to send it, which is before it was sent: a lease that it brings is believed
    /// from here on.
    public let sentAt: Instant
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
    /// - `remaining`: the longest time for which the lease is valid; `nil` when the store does not tell.
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
}
