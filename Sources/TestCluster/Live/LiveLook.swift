import Elector
import Stories

/// What a look at a cluster has found, for ``LiveStory``.
package enum LiveLook: Sendable {
  /// The state of processes.
  case processes([LiveRow: ProcessState])
  /// The leases, and the records beside them as far as they are known.
  case leases([ClusterStatus.Lease], records: [Role: TermRecord])
  /// All that the monitor has seen; instants count from the origin.
  case presence(PresenceLog, origin: ContinuousClock.Instant)
  /// The cluster's last events.
  case events([ClusterEvent], origin: ContinuousClock.Instant)
  /// What a campaign does or says just now.
  case told(Story.Mark.Kind, node: String?, String)
}

/// A process at one instant, by the kernel's word.
package struct ProcessState: Equatable, Sendable {
  package var kind: Story.Span.Kind
  package var text: String

  package init(_ kind: Story.Span.Kind, _ text: String = "") {
    self.kind = kind
    self.text = text
  }
}

/// Something that happened in a cluster, as a sentence.
package struct ClusterEvent: Equatable, Sendable {
  /// Larger for each later one.
  package var number: Int
  package var at: ContinuousClock.Instant
  /// Where it happened; `nil` for the whole cluster or its store.
  package var node: String?
  /// Whether a verb did it.
  package var isAction: Bool
  package var text: String

  package init(
    number: Int, at: ContinuousClock.Instant, node: String? = nil, isAction: Bool, text: String
  ) {
    self.number = number
    self.at = at
    self.node = node
    self.isAction = isAction
    self.text = text
  }
}

/// What a store's `/metrics` say of its keys and requests; those of kvstore and of etcd have the same names.
package struct StoreFigures: Equatable, Sendable {
  /// The index of v2, which only kvstore names.
  package var index: Int64?
  /// The revision of v3.
  package var revision: Int64?
  /// Requests by both APIs since the start.
  package var requests: Double = 0

  private static let counters: Set<Substring> = [
    "etcd_debugging_store_reads_total", "etcd_debugging_store_reads_failed_total",
    "etcd_debugging_store_writes_total", "etcd_debugging_store_writes_failed_total",
    "etcd_debugging_store_watch_requests_total", "grpc_server_started_total",
  ]

  /// - Parameter page: Prometheus' text.
  package init(metrics page: String) {
    for line in page.split(separator: "\n") where !line.hasPrefix("#") {
      // A store that is not ours may say +Inf, of which JSON has no number.
      guard let end = line.lastIndex(of: " "), let value = Double(line[line.index(after: end)...]),
        value.isFinite
      else { continue }
      let name = line[..<end].prefix { $0 != "{" }
      switch name {
      case "kvstore_index": self.index = Int64(exactly: value)
      case "etcd_debugging_mvcc_current_revision": self.revision = Int64(exactly: value)
      default: if Self.counters.contains(name) { self.requests += value }
      }
    }
  }

  /// - Returns: `nil` when there is no such number: a store that was started again counts from 0.
  func requestsPerSecond(since earlier: StoreFigures, seconds: Double) -> Double? {
    guard seconds > 0, self.requests >= earlier.requests else { return nil }
    let rate = (self.requests - earlier.requests) / seconds
    return rate.isFinite ? rate : nil
  }
}
