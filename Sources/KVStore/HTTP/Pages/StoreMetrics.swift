import PrometheusText

extension MetricsPage {
  /// The metrics of a server, under etcd's names where etcd has the same.
  init(store: Store, identity: Identity) {
    self.init()
    self.addIdentity(identity)
    self.addOperations(store.statistics, watcherCount: store.watcherCount)
    let commits = store.commits.values
    self.add(
      "etcd_disk_wal_fsync_duration_seconds", "Duration of a commit, with its fsync.",
      commits.durations)
    self.add(
      "kvstore_commit_changes", "Changes per commit.",
      commits.batchSizes)
    self.add(
      "kvstore_commit_failures_total", .counter, "Failed commits.",
      Double(commits.failures))
    let tree = store.current
    self.add("kvstore_index", .gauge, "The index of the last change.", Double(tree.index))
    self.add(
      "kvstore_expiring_keys", .gauge, "Keys and directories with a TTL.",
      Double(tree.tally.expiring))
    self.addCalls(store)
    if let process = ProcessFigures() { self.addProcess(process) }
  }

  private mutating func addIdentity(_ identity: Identity) {
    let label = Self.label
    self.add(
      "etcd_cluster_version", .gauge, "The cluster's version, as a label.",
      [(label("cluster_version", Identity.clusterVersion.replacing(/\.\d+$/, with: "")), 1)])
    self.add(
      "etcd_server_version", .gauge, "The version of etcd whose API this is, as a label.",
      [(label("server_version", Identity.etcdVersion), 1)])
    self.add(
      "etcd_server_id", .gauge, "The member's number, as a label.",
      [(label("server_id", identity.memberID), 1)])
    self.add("etcd_server_has_leader", .gauge, "1: the one member leads.", 1)
    self.add("etcd_server_is_leader", .gauge, "1: the one member leads.", 1)
  }

  private mutating func addOperations(_ statistics: StoreStatistics, watcherCount: Int) {
    let reads = [("get", statistics.get), ("getRecursive", statistics.getRecursive)]
    let actions: [Event.Action] = [
      .set, .create, .update, .compareAndSwap, .delete, .compareAndDelete,
    ]
    let writes = actions.map { ($0.rawValue, statistics[$0]) }
    for (kind, tallies) in [("reads", reads), ("writes", writes)] {
      self.add(
        "etcd_debugging_store_\(kind)_total", .counter, "Successful \(kind), by action.",
        tallies.map { (Self.label("action", $0), Double($1.successes)) })
      self.add(
        "etcd_debugging_store_\(kind)_failed_total", .counter, "Failed \(kind), by action.",
        tallies.map { (Self.label("action", $0), Double($1.failures)) })
    }
    self.add(
      "etcd_debugging_store_expires_total", .counter, "Expired keys and directories.",
      Double(statistics[.expire].successes))
    self.add(
      "etcd_debugging_store_watch_requests_total", .counter, "Started watches.",
      Double(statistics.watch.successes))
    self.add(
      "etcd_debugging_store_watchers", .gauge, "Waiting watches.",
      Double(watcherCount))
  }

  private mutating func addProcess(_ process: ProcessFigures) {
    self.add(
      "process_cpu_seconds_total", .counter, "User and system time.", process.cpuSeconds)
    self.add(
      "process_start_time_seconds", .gauge, "Start of the process, in seconds since 1970.",
      process.startSeconds)
    self.add(
      "process_virtual_memory_bytes", .gauge, "Virtual memory.", process.virtualBytes)
    self.add(
      "process_resident_memory_bytes", .gauge, "Resident memory.",
      process.residentBytes)
    self.add("process_open_fds", .gauge, "Open file descriptors.", process.openDescriptors)
    self.add(
      "process_max_fds", .gauge, "Limit of open file descriptors.",
      process.maxDescriptors)
  }
}

extension MetricsPage {
  mutating func add(_ name: String, _ help: String, _ histogram: Histogram) {
    self.add(
      name, help, bounds: histogram.bounds, counts: histogram.counts, sum: histogram.sum)
  }
}
