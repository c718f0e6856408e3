/// Whether all answers come from one history of one store.
///
/// A linearizable store never forgets. When its index goes back, somebody restored an older copy; when its
/// ID changes, it is another store. In both cases earlier leases are void.
public struct StoreContinuity: Equatable, Sendable {
  /// The latest known position.
  public private(set) var latest: StorePosition?

  /// What an answer's position shows.
  public enum Verdict: Equatable, Sendable {
    case continues
    /// An older copy of the store.
    case wentBack(from: UInt64, to: UInt64)
    /// Another cluster.
    case replaced(from: UInt64, to: UInt64)
  }

  public init() {}

  /// Compares an answer's position with the history so far.
  /// - Parameters:
  ///   - position: the store's cluster and index in the answer.
  ///   - sent: ``latest`` when the request was sent. Answers may overtake each other, but none is older than
  ///     its own request.
  public mutating func observe(_ position: StorePosition, sentAfter sent: StorePosition?) -> Verdict
  {
    if let known = sent?.clusterID, let now = position.clusterID, known != now {
      self.latest = position
      return .replaced(from: known, to: now)
    }
    if let sent, position.index < sent.index {
      self.latest = position
      return .wentBack(from: sent.index, to: position.index)
    }
    let latest = self.latest ?? position
    self.latest = StorePosition(
      clusterID: position.clusterID ?? latest.clusterID, index: max(latest.index, position.index))
    return .continues
  }
}

/// The store that gave an answer, and its index then.
public struct StorePosition: Hashable, Sendable {
  /// The cluster's ID, the same in both APIs; `nil` from a server without one.
  public var clusterID: UInt64?
  /// v2's `X-Etcd-Index`, v3's `header.revision`.
  public var index: UInt64

  public init(clusterID: UInt64? = nil, index: UInt64) {
    self.clusterID = clusterID
    self.index = index
  }
}
