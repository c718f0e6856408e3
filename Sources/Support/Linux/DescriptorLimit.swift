import Glibc

/// The limit of open files and connections of this process.
package enum DescriptorLimit {
  /// Raises it as far as the system allows, also for the processes that we start.
  /// - Returns: the new limit.
  @discardableResult
  package static func raise() -> Int {
    var limit = Self.limit
    if limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      // When the system refuses, the limit stays.
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
