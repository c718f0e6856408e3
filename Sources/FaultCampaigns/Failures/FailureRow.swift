import Elector
import TestCluster

/// One row of the failure table: a fault, and what has to follow.
///
/// The table is about the scheduler's election; "the leader" is the node that leads it.
package struct FailureRow: Equatable, Sendable {
  package var name: String
  package var fault: Fault
  package var expectation: Expectation
  /// How soon the leader's manifest has to be gone; `nil` where it need not go.
  package var goneWithin: Bound?
  /// The fault's shortest duration, in TTLs; it ends only when the expected thing has happened, too.
  package var lastsTTLs = 0
  /// What one of the electors has to log.
  package var report: String?
  /// How often the row is played; the worst result counts.
  package var rounds = 1
  /// Two pods may run at once; the words with which `docs/operate/guarantees.md` says so.
  package var exception: String?

  /// What has to follow.
  package enum Expectation: Equatable, Sendable {
    /// A new term, whose manifest comes within the bound.
    case takeover(by: Successor, within: Bound)
    /// No node leads while the fault lasts; then one leads within the bound.
    case retreat(thenWithin: Bound)
    /// The leader cannot leave while the fault lasts, and keeps its lease; then another node leads within the bound.
    case kept(thenWithin: Bound)
    /// The same leader in the same term. Its manifest stays or, with `isRestored`, is soon the source's copy
    /// again.
    case noChange(isRestored: Bool)
    /// The same term, whether its manifest stays or not.
    case sameTerm
    /// Never two leaders, and one at the end.
    case oneAtTheEnd
  }

  package enum Successor: Equatable, Sendable { case other, leader, either }

  /// A time that follows from the timing.
  package enum Bound: Equatable, Sendable {
    /// Without waiting for a lease or a timer.
    case atOnce
    /// The pod's time to stop.
    case handOver
    /// The TTL less the margin: how soon an elector without a renewal has removed its manifest.
    case deadline
    /// The TTL and the lock-delay.
    case takeover
    /// The deadline for a pod that does not run, its time to end, and what a hand-over takes.
    case benched
    /// The deadline for a pod that does not run, the wait for a kubelet's word that does not come, and a takeover
    /// of a lock that was left to expire.
    case abandoned
    /// A kubelet's first two restarts, the pod's time to end, and what a hand-over takes.
    case crashed
    /// A takeover on a store that went back, which waits for a whole lease more.
    case restored
    /// A takeover that the difference of the store's clocks makes longer.
    case skewed
    /// The rest of a lock that is left to expire: the wait for the word of a kubelet that has none to say, and a
    /// takeover.
    case unproven
    /// The fault's time, and the time until the store has answered what is left of the lease: two renewal periods
    /// and three time-outs.
    case noticed
  }

  package init(
    _ name: String, _ fault: Fault, _ expectation: Expectation, goneWithin: Bound? = nil,
    lastsTTLs: Int = 0, report: String? = nil, rounds: Int = 1, exception: String? = nil
  ) {
    self.name = name
    self.fault = fault
    self.expectation = expectation
    self.goneWithin = goneWithin
    self.lastsTTLs = lastsTTLs
    self.report = report
    self.rounds = rounds
    self.exception = exception
  }

  /// Whether the next manifest is to come only when the fault has ended.
  package var isDueAfterwards: Bool {
    switch self.expectation {
    case .retreat, .kept: true
    case .takeover, .noChange, .sameTerm, .oneAtTheEnd: false
    }
  }

  /// All rows, in the table's order.
  package static let all: [FailureRow] = [
    FailureRow(
      "elector-sigkill", .killElector, .takeover(by: .either, within: .takeover),
      goneWithin: .atOnce, report: "the guard removed the manifest"),
    FailureRow(
      "elector-sigstop", .pauseElector, .takeover(by: .other, within: .takeover),
      goneWithin: .deadline, lastsTTLs: 2),
    FailureRow(
      "elector-sigterm", .terminateElector, .takeover(by: .other, within: .handOver),
      goneWithin: .atOnce, report: "released the lock"),
    FailureRow(
      "container-sigkill", .killContainer, .takeover(by: .other, within: .takeover), lastsTTLs: 2),
    FailureRow(
      "machine-reset", .resetMachine, .takeover(by: .other, within: .takeover), lastsTTLs: 2),
    FailureRow(
      "store-refuses", .killStore, .retreat(thenWithin: .takeover), goneWithin: .deadline,
      lastsTTLs: 2, report: "the store does not do as asked"),
    FailureRow(
      "store-silent", .pauseStore, .retreat(thenWithin: .takeover), goneWithin: .deadline,
      lastsTTLs: 2, report: "the store does not do as asked"),
    FailureRow("store-restarted", .restartStore, .sameTerm),
    FailureRow(
      "store-restored", .restoreStore, .takeover(by: .either, within: .restored),
      report: "the store's index went back"),
    FailureRow("member-killed", .killMember(isLeader: false), .sameTerm, lastsTTLs: 2),
    FailureRow("member-leader-killed", .killMember(isLeader: true), .oneAtTheEnd, lastsTTLs: 2),
    FailureRow(
      "same-identity", .shareName, .noChange(isRestored: false), lastsTTLs: 2,
      report: "the key is held under our own name"),
    FailureRow(
      "simultaneous-starts", .startTogether, .takeover(by: .either, within: .handOver), rounds: 5),
    FailureRow("dest-edited", .editManifest, .noChange(isRestored: true)),
    FailureRow("dest-deleted", .deleteManifest, .noChange(isRestored: true)),
    FailureRow("source-changed", .changeSource, .noChange(isRestored: true)),
    FailureRow(
      "kubelet-dead", .killKubelet, .takeover(by: .other, within: .abandoned),
      report: "the pod does not run as it should, giving the lock away"),
    FailureRow("kubelet-dead-pod-lives", .orphanPod(thenStop: false), .sameTerm, lastsTTLs: 3),
    FailureRow(
      "kubelet-dead-leader-stops", .orphanPod(thenStop: true),
      .takeover(by: .other, within: .unproven), goneWithin: .atOnce, lastsTTLs: 5,
      report: "the lock is left to expire",
      exception:
        "A kubelet that hangs, or dies and leaves its containers running, and then its node loses the lock"
    ),
    FailureRow(
      "kubelet-keeps-orphans", .keepOrphans, .takeover(by: .other, within: .unproven),
      report: "it does not follow its directory",
      exception: "A kubelet that was restarted without its API server"),
    FailureRow(
      "pod-crash-loop", .crashPod, .takeover(by: .other, within: .crashed),
      report: "the pod does not run as it should, giving the lock away"),
    FailureRow(
      "dest-dir-missing", .spoilDirectory(.missing), .takeover(by: .other, within: .benched),
      goneWithin: .atOnce, report: Self.cannotInstall),
    FailureRow(
      "dest-dir-read-only", .spoilDirectory(.readOnly), .takeover(by: .leader, within: .takeover),
      report: Self.cannotInstall),
    FailureRow(
      "dest-dir-full", .spoilDirectory(.full), .takeover(by: .leader, within: .takeover),
      report: Self.cannotInstall),
    FailureRow(
      "disk-read-only", .spoilDisk(.readOnly), .kept(thenWithin: .handOver), lastsTTLs: 3,
      report: "the disk takes no writes: we stay the master"),
    FailureRow(
      "disk-hangs", .spoilDisk(.hanging), .kept(thenWithin: .handOver), lastsTTLs: 3,
      report: "the disk takes no writes: we stay the master"),
    FailureRow(
      "two-electors-one-file", .shareDestination, .noChange(isRestored: false), lastsTTLs: 2,
      report: "another elector has this --dest-file: one of the two has to end"),
    FailureRow(
      "source-is-dest", .useSourceAsDestination, .noChange(isRestored: false), lastsTTLs: 2,
      report: "are the same file, which the elector would remove"),
    FailureRow(
      "bad-reload-then-crash", .spoilConfiguration, .takeover(by: .either, within: .takeover),
      goneWithin: .atOnce, report: "the new configuration is refused"),
    FailureRow(
      "store-late", .delayAnswers, .takeover(by: .other, within: .takeover),
      goneWithin: .deadline, lastsTTLs: 2),
    FailureRow("store-late-once", .delayOneAnswer, .noChange(isRestored: false), lastsTTLs: 1),
    FailureRow(
      "leader-cut-off", .isolateLeader, .takeover(by: .other, within: .takeover),
      goneWithin: .deadline, lastsTTLs: 2, report: "the store does not do as asked"),
    FailureRow(
      "clock-plus-1h", .setClock(ahead: .seconds(3_600)), .noChange(isRestored: false),
      lastsTTLs: 2),
    FailureRow(
      "clock-minus-1h", .setClock(ahead: .seconds(-3_600)), .noChange(isRestored: false),
      lastsTTLs: 2),
    FailureRow(
      "machine-paused", .pauseMachine, .takeover(by: .other, within: .takeover),
      goneWithin: .noticed, lastsTTLs: Self.pauseTTLs,
      report: "we are no longer the master",
      exception: "A machine is paused by its hypervisor for longer than its lease lasts"),
    FailureRow(
      "member-clocks-5s-apart", .skewMembers(ahead: Self.skew),
      .takeover(by: .other, within: .skewed), goneWithin: .deadline, lastsTTLs: 2),
  ]

  private static let cannotInstall = "cannot install the manifest, giving the lock away"

  /// The rows with these names, or all.
  /// - Throws: `ClusterError.unknownRow`.
  package static func named(_ names: [String]) throws(ClusterError) -> [FailureRow] {
    for name in names where !self.all.contains(where: { $0.name == name }) {
      throw .unknownRow(name, known: Self.all.map(\.name))
    }
    return names.isEmpty ? self.all : self.all.filter { names.contains($0.name) }
  }
}

extension FailureRow.Bound {
  /// - Parameter slack: for a store that ends leases late, and for a busy machine.
  package func duration(_ timing: Timing, slack: Duration) -> Duration {
    switch self {
    case .atOnce: .seconds(1)
    case .handOver: timing.podStop.grace + slack
    case .deadline: timing.renewDeadline + .milliseconds(500)
    case .takeover: timing.worstTakeover + slack
    case .benched:
      FailureRow.startDeadline + timing.podStop.total() * 2 + timing.sleep * 2 + slack
    case .abandoned:
      FailureRow.startDeadline + timing.podStop.total() + .seconds(5) + timing.sleep * 2
        + timing.worstTakeover + slack
    // The first restart comes at once, the second after ten seconds.
    case .crashed: .seconds(12) + timing.podStop.total() * 2 + timing.sleep * 2 + slack
    case .restored: timing.ttl * 3 + timing.lockDelay + slack
    // What is measured is a little more than the difference.
    case .skewed: timing.counting(clockSkew: FailureRow.skew).worstTakeover + slack
    case .unproven: timing.podStop.total() + .seconds(5) + timing.worstTakeover + slack
    case .noticed:
      timing.ttl * FailureRow.pauseTTLs + timing.renewPeriod * 2 + timing.requestTimeout * 3 + slack
    }
  }
}

extension FailureRow {
  /// How long an elector of this table waits for its pod before it gives the lock away.
  package static let startDeadline = Duration.seconds(2)
  /// How many restarts of its pod it accepts.
  package static let maxRestarts = 1
  /// For how many TTLs a machine is paused.
  package static let pauseTTLs = 3
  /// What the clocks of etcd's members differ.
  package static let skew = Duration.seconds(5)

  /// The expectation in words.
  package func expectation(_ timing: Timing, slack: Duration) -> String {
    func within(_ bound: Bound) -> String {
      "within \(bound.duration(timing, slack: slack).inSeconds(decimals: 1)) s"
    }
    let gone = self.goneWithin.map { "gone \(within($0)); " } ?? ""
    let exception = self.exception == nil ? "" : "; two pods may run"
    return self.text(gone, within) + exception
  }

  private func text(_ gone: String, _ within: (Bound) -> String) -> String {
    switch self.expectation {
    case .takeover(.other, let bound): "\(gone)the other leads \(within(bound))"
    case .takeover(.leader, let bound): "\(gone)the same leads again \(within(bound))"
    case .takeover(.either, let bound): "\(gone)one leads \(within(bound))"
    case .retreat(let bound): "\(gone)nobody leads; then one \(within(bound))"
    case .kept(let bound): "the leader keeps the lock; then one leads \(within(bound))"
    case .noChange(isRestored: false): "no change"
    case .noChange(isRestored: true): "no change of leader; the manifest is right again"
    case .sameTerm: "the same term goes on"
    case .oneAtTheEnd: "one leads at the end"
    }
  }
}
