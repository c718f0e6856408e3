import Glibc

/// How many files and connections a process may have open.
package enum DescriptorLimit {
  /// Takes all that the system allows.
  /// - Returns: the limit that holds from now on, for the processes that we start, too.
  @discardableResult
  package static func raise() -> Int {
    var limit = Self.limit
    if limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      // Where this is refused the limit stays as it was.
      _ = setrlimit(Self.resource, &limit)
    }
    return Self.current
  }

  package static var current: Int { Int(clamping: Self.limit.rlim_cur) }

  private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

  private static var limit: rlimit {
    var limit = rlimit()
    getrlimit(self.resource, &limit)
    return limit
  }
}
