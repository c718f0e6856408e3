import Glibc

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

/// How many files this process may open: each connection is one.
public enum DescriptorLimit {
  /// Takes all that the system allows.
  public static func raise() {
    var limit = Self.limit
    guard limit.rlim_cur < limit.rlim_max else { return }
    limit.rlim_cur = limit.rlim_max
    // Where this is refused the limit stays as it was; connections are bounded by it.
    _ = setrlimit(Self.resource, &limit)
  }

  static var current: Int { Int(clamping: self.limit.rlim_cur) }

  private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

  private static var limit: rlimit {
    var limit = rlimit()
    getrlimit(self.resource, &limit)
    return limit
  }
}
