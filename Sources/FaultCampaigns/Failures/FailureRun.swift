import Elector
import Glibc
import TestCluster

/// The failure table on one store: starts clusters, and plays rows on them.
package struct FailureRun: Sendable {
  package let configuration: ClusterConfiguration
  package let store: String
  /// Whether each row is recorded as a story.
  package let records: Bool

  /// - Parameters:
  ///   - configuration: of the clusters.
  ///   - store: its name in the table.
  ///   - records: whether each row is recorded as a story.
  package init(configuration: ClusterConfiguration, store: String, records: Bool = false) {
    self.configuration = configuration
    self.store = store
    self.records = records
  }

  /// Those that are about this store.
  package func applicable(_ rows: [FailureRow]) -> [FailureRow] {
    rows.filter { $0.fault.applies(to: self.configuration) }
  }

  /// Plays rows. They share one cluster as long as they need the same one and none fails. After a failure the
  /// cluster's state is unknown, so the next row gets a new one; the old one's files are kept in
  /// `failed-STORE-ROW`. Rows about the store's members are left out where it has only one, and those about their
  /// clocks where these do not matter.
  /// - Parameter report: gets each result as it comes.
  package func play(
    _ rows: [FailureRow], report: @escaping @Sendable (FailureResult) -> Void
  ) async throws -> [FailureResult] {
    let rows = self.applicable(rows)
    let timing = try self.configuration.timing()
    var results: [FailureResult] = []
    while results.count < rows.count {
      let next = rows[results.count]
      if let reason = next.fault.reasonToSkip(timing) {
        let result = try self.skipped(next, reason)
        report(result)
        results.append(result)
        continue
      }
      var configuration = self.configuration
      next.fault.setup.apply(to: &configuration)
      let rest = rows.dropFirst(results.count).prefix {
        $0.fault.setup == next.fault.setup && $0.fault.reasonToSkip(timing) == nil
      }
      results += try await Cluster.withRunning(configuration) { cluster in
        let trial = try FailureRowRun(cluster, store: self.store, records: self.records)
        var results: [FailureResult] = []
        for row in rest {
          let result = try await trial.play(row)
          report(result)
          results.append(result)
          if result.isFailed { break }
        }
        return results
      }
      if let failed = results.last, failed.isFailed {
        try StateDirectory(configuration.stateDirectory)
          .keep(as: "failed-\(self.store)-\(failed.row)", configuration)
      }
    }
    return results
  }

  private func skipped(_ row: FailureRow, _ reason: String) throws -> FailureResult {
    let timing = try self.configuration.timing()
    return FailureResult(
      row: row.name, store: self.store,
      expected: row.expectation(timing, slack: FailureRowRun.slack(self.configuration)),
      facts: FailureFacts(), ttl: timing.ttl, verdict: .skipped(reason))
  }
}

extension Fault {
  fileprivate func applies(to configuration: ClusterConfiguration) -> Bool {
    switch self {
    case .killMember: configuration.store.members > 1
    // v2 leases alone are stamped by one member and ended by another; the row starts three of them.
    case .skewMembers:
      if case .etcd = configuration.store { configuration.api == .v2 } else { false }
    default: true
    }
  }

  /// See `CWallClock`.
  private static var setsClocksOfGo: Bool {
    #if arch(x86_64)
      true
    #else
      false
    #endif
  }

  /// Why the row is skipped; obstacles that only show when the fault is tried are a ``FaultUnavailable``.
  fileprivate func reasonToSkip(_ timing: Timing) -> String? {
    switch self {
    case .killContainer where !timing.manifestExpires:
      "nothing removes the manifest then: with --profile strict --ttl-secs 13 it expires"
    case .orphanPod where getuid() != 0 || access("/usr/bin/bwrap", X_OK) != 0:
      "it needs root and /usr/bin/bwrap, to run containers"
    case .skewMembers where !Self.setsClocksOfGo: "the clock of a Go program is set on x86-64 alone"
    default: nil
    }
  }
}
