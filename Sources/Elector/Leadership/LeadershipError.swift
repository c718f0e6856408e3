/// Why ``Leadership/withLeadership(_:)`` has no result.
public enum LeadershipError: Error, Equatable, CustomStringConvertible {
  /// The leadership ended, and then the body threw.
  case lost(term: UInt64)
  /// ``Leadership/run()`` has ended.
  case notRunning

  public var description: String {
    switch self {
    case .lost(let term): "the leadership of term \(term) ended, and the work with it"
    case .notRunning: "this process no longer takes part in the election: its service has ended"
    }
  }
}
