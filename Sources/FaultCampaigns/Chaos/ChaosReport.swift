import Stories
import TestCluster

/// The judgement of a run of random faults.
///
/// Two rules. At no time may two kubelets run an elected pod at once, nor may two living kubelets have its
/// manifest. And in the quiet time after each burst of faults, exactly one pod of each role has to run within
/// ``bound``, without a gap afterwards.
///
/// The bound counts from the latest of three instants: the end of the last fault, when all processes run again;
/// the store's last return, when a majority of its members answers a read again; and the last change of leader
/// among its members, which may give a lease its whole TTL again. It is the TTL, the lock-delay, and a slack for
/// store and machine; it includes the pod's start.
package struct ChaosReport: Sendable {
  package typealias Instant = ContinuousClock.Instant

  /// One burst, and the quiet time after it.
  package struct Burst: Equatable, Sendable {
    /// Counted from 1.
    package var number: Int
    package var kinds: [ChaosFault.Kind]
    /// When the last fault was over.
    package var healed: Instant
    /// The instant from which the bound counts; `nil` when the store did not come to rest, so that the burst is not
    /// judged.
    package var counted: Instant?
    /// The end of the quiet time.
    package var end: Instant
    /// Processes that did not start or did not end.
    package var problems: [String] = []
  }

  package var bursts: [Burst]
  package var log: PresenceLog
  /// By when the pods have to run again.
  package var bound: Duration
  /// Groups of processes that were left after the end.
  package var leftBehind = 0
  /// What happened, if it was recorded.
  package var story: Story?

  /// A time in which no look found a role's pod on any kubelet.
  package struct Gap: Equatable, Sendable {
    package var start: Instant
    /// `nil` while it lasts.
    package var end: Instant?
  }

  /// When a role's pod ran nowhere, after it had run for the first time.
  package func gaps(of role: Role) -> [Gap] {
    var gaps: [Gap] = []
    var covered: Instant?
    for stay in self.log.stays.filter({ $0.subject == .pod(role) }).sorted(by: { $0.from < $1.from }
    ) {
      if let end = covered, end < stay.from { gaps.append(Gap(start: end, end: stay.from)) }
      guard let gone = stay.goneBy else { return gaps }
      covered = max(covered ?? gone, gone)
    }
    if let covered { gaps.append(Gap(start: covered)) }
    return gaps
  }

  /// How soon a role's pod ran after a burst.
  package enum Recovery: Equatable, Sendable {
    /// It ran all the time from the instant that the bound counts from.
    case ran
    /// It ran without a gap from this long after that instant.
    case after(Duration)
    /// It did not run at the end of the quiet time.
    case never
    /// The store did not come to rest.
    case notJudged
  }

  package func recovery(of role: Role, _ burst: Burst) -> Recovery {
    guard let counted = burst.counted else { return .notJudged }
    let hasRun = self.log.stays.contains { $0.subject == .pod(role) && $0.from <= burst.end }
    guard hasRun else { return .never }
    let last = self.gaps(of: role).last { gap in
      gap.start < burst.end && gap.end.map { $0 > counted } ?? true
    }
    guard let last else { return .ran }
    guard let end = last.end, end <= burst.end else { return .never }
    return .after(end - counted)
  }

  /// Broken rules, a line each; empty when all was as promised.
  package var violations: [String] {
    var result = self.log.overlaps.map(\.description)
    for burst in self.bursts {
      result += burst.problems.map { "burst \(burst.number): \($0)" }
      for role in Role.allCases {
        switch self.recovery(of: role, burst) {
        case .ran, .notJudged: break
        case .never:
          result.append(
            "burst \(burst.number): no \(role.podName) runs at the end of the quiet time")
        case .after(let duration):
          if duration > self.bound {
            result.append(
              "burst \(burst.number): \(role.podName) runs only \(duration.inSeconds(decimals: 2)) s after "
                + "the faults, and not within \(self.bound.inSeconds(decimals: 2)) s")
          }
        }
      }
    }
    if self.leftBehind > 0 {
      result.append("\(self.leftBehind) groups of processes were left behind")
    }
    return result
  }

  // MARK: - As text

  /// The summary as two tables in Markdown: the faults by kind, and what was measured.
  package var markdown: String {
    let counts = Dictionary(self.bursts.flatMap(\.kinds).map { ($0, 1) }, uniquingKeysWith: +)
    let faults = ChaosFault.Kind.allCases.compactMap { kind in
      counts[kind].map { [kind.rawValue, "\($0)"] }
    }
    let recoveries = self.bursts.flatMap { burst in
      Role.allCases.map { self.recovery(of: $0, burst) }
    }
    let takeovers = recoveries.compactMap {
      if case .after(let duration) = $0 { duration } else { nil }
    }
    let unjudged = self.bursts.count { $0.counted == nil }
    let late =
      self.bursts.compactMap { burst in burst.counted.map { $0 - burst.healed } }.max() ?? .zero
    let gaps = Role.allCases.flatMap { self.gaps(of: $0) }
      .compactMap { gap in gap.end.map { $0 - gap.start } }
    let overlaps = self.log.overlaps
    let rows = [
      ("bursts of faults", "\(self.bursts.count)\(unjudged > 0 ? ", \(unjudged) not judged" : "")"),
      ("faults", "\(counts.values.reduce(0, +))"),
      (
        "two pods or two manifests at once, in \(self.log.looks) looks",
        overlaps.isEmpty ? "never" : "\(overlaps.count) times"
      ),
      ("pods that ran already when the faults were over", "\(recoveries.count { $0 == .ran })"),
      ("pods that had to come after that", "\(takeovers.count)"),
      ("these takeovers: median / p99 / max", Self.text(takeovers)),
      ("the bound", "\(self.bound.inSeconds(decimals: 2)) s"),
      (
        "the store was ready after the last fault at the latest after",
        "\(late.inSeconds(decimals: 2)) s"
      ),
      ("times without a pod, faults included", "\(gaps.count)"),
      ("these times: median / p99 / max", Self.text(gaps)),
    ]
    return """
      \(TextTable(header: ["fault", "times"], rows: faults).markdown)

      \(TextTable(header: ["what", "measured"], rows: rows.map { [$0, $1] }).markdown)
      """
  }

  private static func text(_ durations: [Duration]) -> String {
    guard let times = Distribution(durations) else { return "-" }
    return [0.5, 0.99, 1].map { "\(times.quantile($0).inSeconds(decimals: 2)) s" }
      .joined(separator: " / ")
  }
}
