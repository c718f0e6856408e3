import Elector
import TestCluster

/// The failure table on one store: starts clusters, and plays rows on them.
package struct FailureRun: Sendable {
  package let configuration: ClusterConfiguration
  package let store: String

  /// - Parameter store: its name in the table.
  package init(configuration: ClusterConfiguration, store: String) {
    var configuration = configuration
    configuration.electorFlags += [
      "--start-deadline=\(FailureRow.startDeadline.milliseconds)ms",
      "--max-restarts=\(FailureRow.maxRestarts)",
    ]
    self.configuration = configuration
    self.store = store
  }

  /// Plays rows. They share one cluster as long as they need the same one and none fails. After a failure the
  /// cluster's state is unknown, so the next row gets a new one; the old one's files are kept in
  /// `failed-STORE-ROW`. Rows about the store's members are left out where it has only one.
  /// - Parameter report: gets each result as it comes.
  package func play(
    _ rows: [FailureRow], report: @escaping @Sendable (FailureResult) -> Void
  ) async throws -> [FailureResult] {
    let rows = rows.filter { self.configuration.store.members > 1 || !$0.fault.concernsMembers }
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
      configuration.hasRelays = next.fault.setup == .relays
      configuration.hasOwnClocks = next.fault.setup == .clocks
      let rest = rows.dropFirst(results.count).prefix {
        $0.fault.setup == next.fault.setup && $0.fault.reasonToSkip(timing) == nil
      }
      results += try await Cluster.withRunning(configuration) { cluster in
        let trial = try FailureRowRun(cluster, store: self.store)
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
  fileprivate var concernsMembers: Bool {
    if case .killMember = self { true } else { false }
  }

  /// Why the row is skipped; obstacles that only show when the fault is tried are a ``FaultUnavailable``.
  fileprivate func reasonToSkip(_ timing: Timing) -> String? {
    switch self {
    case .killContainer where !timing.manifestExpires:
      "nothing removes the manifest then: with --profile strict --ttl-secs 10 it expires"
    default: nil
    }
  }
}
