import Glibc

/// How many files and connections a process may have open.
enum DescriptorLimit {
  /// Takes what the system allows us at the most.
  /// - Returns: the limit that holds from now on, for the processes that we start, too.
  static func raise() -> Int {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0 else { return 1024 }
    let before = limit.rlim_cur
    limit.rlim_cur = limit.rlim_max
    return Int(clamping: setrlimit(resource, &limit) == 0 ? limit.rlim_cur : before)
  }
}
