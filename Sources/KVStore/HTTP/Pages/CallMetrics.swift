import PrometheusText

extension MetricsPage {
  /// The metrics of the v3 API, under the names that dashboards for etcd know.
  mutating func addCalls(_ store: Store) {
    let (tree, calls) = (store.currentRevisions, store.calls)
    let size = store.size
    func gauge(_ name: String, _ help: String, _ value: some BinaryInteger) {
      self.add(name, .gauge, help, Double(value))
    }
    func counter(_ name: String, _ help: String, _ value: some BinaryInteger) {
      self.add(name, .counter, help, Double(value))
    }
    let changes = tree.revision - 1 + Int64(store.current.index)
    counter("etcd_server_leader_changes_seen_total", "There is one member.", 0)
    counter("etcd_server_proposals_committed_total", "Changes of both keyspaces.", changes)
    counter("etcd_server_proposals_applied_total", "Changes of both keyspaces.", changes)
    counter(
      "etcd_server_proposals_failed_total", "Failed commits.", store.commits.values.failures)
    gauge("etcd_server_proposals_pending", "Requests that wait for the disk.", store.waitingCount)
    gauge("etcd_server_quota_backend_bytes", "The quota; 0 for none.", store.alarms.quota ?? 0)
    gauge("etcd_mvcc_db_total_size_in_bytes", "Tables and log.", size.file)
    gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Tables without free pages.", size.inUse)
    gauge("etcd_debugging_mvcc_keys_total", "Keys of v3.", tree.pairs.count)
    gauge("etcd_debugging_mvcc_watcher_total", "Watches of v3.", store.revisionWatcherCount)
    gauge("etcd_debugging_mvcc_slow_watcher_total", "No watch is cut off here.", 0)
    counter(
      "etcd_debugging_mvcc_events_total", "Keys that were put or deleted.",
      calls.events.load(ordering: .relaxed))
    gauge("etcd_debugging_mvcc_current_revision", "The revision.", tree.revision)
    gauge("etcd_debugging_mvcc_compact_revision", "The compacted revision.", tree.compacted)
    for (name, method) in [
      ("put", "Put"), ("range", "Range"), ("delete", "DeleteRange"), ("txn", "Txn"),
    ] {
      counter(
        "etcd_mvcc_\(name)_total", "Calls of \(method).",
        calls.succeeded("/etcdserverpb.KV/\(method)"))
    }
    self.add(
      "etcd_disk_backend_commit_duration_seconds", "Duration of a commit, with its fsync.",
      store.commits.values.durations)
    counter(
      "etcd_network_client_grpc_received_bytes_total", "Of messages.",
      calls.receivedBytes.load(ordering: .relaxed))
    counter(
      "etcd_network_client_grpc_sent_bytes_total", "Of messages.",
      calls.sentBytes.load(ordering: .relaxed))
    counter(
      "etcd_debugging_lease_granted_total", "Granted leases.",
      calls.succeeded("/etcdserverpb.Lease/LeaseGrant"))
    counter(
      "etcd_debugging_lease_revoked_total", "Leases that were revoked by a call.",
      calls.succeeded("/etcdserverpb.Lease/LeaseRevoke"))
    counter(
      "etcd_debugging_lease_renewed_total", "Leases that were kept alive.",
      calls.renewals.load(ordering: .relaxed))
    self.addMethods(calls)
  }

  private mutating func addMethods(_ calls: CallStatistics) {
    let label = Self.label
    func labels(_ tally: CallStatistics.Tally) -> String {
      [
        label("grpc_method", tally.method), label("grpc_service", tally.service),
        label("grpc_type", tally.isStream ? "bidi_stream" : "unary"),
      ].joined(separator: ",")
    }
    self.add(
      "grpc_server_started_total", .counter, "Calls that began.",
      calls.all.map { (labels($0), Double($0.started.load(ordering: .relaxed))) })
    self.add(
      "grpc_server_handled_total", .counter, "Calls that ended, by their code.",
      calls.all.flatMap { tally in
        RPCStatus.Code.allCases.compactMap { code in
          let count = tally.count(code)
          guard count > 0 || code == .ok else { return nil }
          return (label("grpc_code", code.goName) + "," + labels(tally), Double(count))
        }
      })
  }
}
