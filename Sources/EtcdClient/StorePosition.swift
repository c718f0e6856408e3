/// Which store gave an answer, and how far it was.
public struct StorePosition: Hashable, Sendable {
  /// The cluster's own number, the same in both APIs; `nil` from a server that does not tell.
  public var clusterID: UInt64?
  /// v2's `X-Etcd-Index`, v3's `header.revision`.
  public var index: UInt64

  public init(clusterID: UInt64? = nil, index: UInt64) {
    self.clusterID = clusterID
    self.index = index
  }
}

/// Whether a store's answers follow from one another: no linearizable store forgets, so one whose index
/// went back was restored from an older copy, and one with another number is another store. Either way
/// whatever was granted before has no meaning any more.
public struct StoreContinuity: Equatable, Sendable {
  /// The furthest position known.
  public private(set) var latest: StorePosition?

  public enum Verdict: Equatable, Sendable {
    case continues
    /// An older copy of the store.
    case wentBack(from: UInt64, to: UInt64)
    /// Another cluster.
    case replaced(from: UInt64, to: UInt64)
  }

  public init() {}

  /// Takes in an answer's position.
  /// - Parameter sent: what ``latest`` was when the request was sent: answers may overtake each other,
  ///   but none is older than its own request.
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
