import Linux

/// How many clients are served at once.
struct ConnectionLimit: Equatable, Sendable {
  /// Connections beyond the limit that are being told so; others are closed without a word.
  static let refusedAtOnce = 64
  /// Descriptors that are no client's: the database and its log, the event loops, who is being refused.
  private static let reserve = 2 * refusedAtOnce

  let count: Int
  /// Set when fewer are served than was asked for.
  let warning: String?

  /// - Parameters:
  ///   - wanted: what was asked for, if anything was.
  ///   - descriptors: how many files the process may open.
  init(wanted: Int? = nil, descriptors: Int = DescriptorLimit.current) {
    let possible = max(1, descriptors - min(Self.reserve, descriptors / 2))
    self.count = min(max(1, wanted ?? KVStoreServer.standardMaxConnections), possible)
    self.warning =
      if let wanted, wanted > possible {
        "--max-connections \(wanted) is more than the process may open: \(possible) are served at once; raise the limit of open files (now \(descriptors), `ulimit -n` or LimitNOFILE=)"
      } else {
        nil
      }
  }
}
