import Elector
import TestCluster

/// What was seen of one row; all times count from the injection.
package struct FailureFacts: Equatable, Sendable {
  /// When the leader's manifest was found gone; `nil` when it never was.
  package var goneAfter: Duration?
  /// When the next manifest came; after the fault's end where nobody may lead before. For a manifest that
  /// is restored, when it was right again.
  package var takeover: Duration?
  /// Where it came to.
  package var successor: FailureRow.Successor?
  /// Manifests that came while nobody may lead.
  package var intruders: [String] = []
  package var isSameTerm = false
  /// Whether the expected report was found.
  package var isReported = true
  /// Of the pods, all roles together.
  package var podOverlap = Duration.zero
  /// Of the manifests.
  package var manifestOverlap = Duration.zero

  package init() {}

  /// The worst of two rounds.
  package func worst(_ other: FailureFacts) -> FailureFacts {
    func longest(_ field: KeyPath<FailureFacts, Duration?>) -> Duration? {
      [self[keyPath: field], other[keyPath: field]].compactMap(\.self).max()
    }
    var facts = other
    facts.goneAfter = longest(\.goneAfter)
    facts.takeover = longest(\.takeover)
    facts.intruders += self.intruders
    facts.isSameTerm = self.isSameTerm || other.isSameTerm
    facts.isReported = self.isReported && other.isReported
    facts.podOverlap += self.podOverlap
    facts.manifestOverlap += self.manifestOverlap
    return facts
  }
}

/// Why a fault cannot be had on this machine.
package struct FaultUnavailable: Error {
  package var reason: String
}

extension FailureRow {
  /// What is not as it should be; empty when all is well.
  package func problems(_ facts: FailureFacts, _ timing: Timing, slack: Duration) -> [String] {
    var problems: [String] = []
    func demand(_ condition: Bool, _ problem: @autoclosure () -> String) {
      if !condition { problems.append(problem()) }
    }
    func seconds(_ duration: Duration?) -> String {
      duration.map { "\($0.inSeconds(decimals: 2)) s" } ?? "never"
    }
    func demand(_ what: String, _ time: Duration?, within bound: Bound) {
      let limit = bound.duration(timing, slack: slack)
      demand(
        time.map { $0 <= limit } ?? false, "\(what) after \(seconds(time)), not \(seconds(limit))")
    }
    // podmaster's own timing promises no more than that.
    let allowed = timing.profile == .podmaster ? timing.podOutlivesLease : .zero
    demand(facts.podOverlap <= allowed, "two pods at once for \(seconds(facts.podOverlap))")
    // A manifest that nobody is left to remove stays; what matters is its pod.
    demand(
      facts.manifestOverlap == .zero || self.fault == .killContainer,
      "two manifests at once for \(seconds(facts.manifestOverlap))")
    if let goneWithin { demand("the manifest was gone", facts.goneAfter, within: goneWithin) }
    switch self.expectation {
    case .takeover(let successor, let bound):
      demand("the next manifest came", facts.takeover, within: bound)
      demand(
        successor == .either || facts.successor == nil || facts.successor == successor,
        "it came to the wrong master")
      // A store that went back gives out the same numbers again.
      demand(!facts.isSameTerm || bound == .restored, "the term is still the same")
    case .retreat(let bound):
      demand("the next manifest came", facts.takeover, within: bound)
      demand(
        facts.intruders.isEmpty, "\(facts.intruders.joined(separator: ", ")) led without a store")
    case .noChange(let isRestored):
      demand(facts.isSameTerm, "the term has changed")
      if isRestored {
        demand("the manifest was right again", facts.takeover, within: .atOnce)
      } else {
        demand(facts.goneAfter == nil, "the manifest was gone after \(seconds(facts.goneAfter))")
      }
    case .sameTerm: demand(facts.isSameTerm, "the term has changed")
    case .oneAtTheEnd: break
    }
    demand(facts.isReported, "no elector said \"\(self.report ?? "")\"")
    return problems
  }
}

/// One row, and what came of it.
package struct FailureResult: Equatable, Sendable, CustomStringConvertible {
  package enum Verdict: Equatable, Sendable {
    case ok
    case failed([String])
    case skipped(String)
  }

  package var row: String
  package var store: String
  package var expected: String
  package var facts: FailureFacts
  package var ttl: Duration
  package var verdict: Verdict

  package static func table(_ results: [FailureResult]) -> TextTable {
    TextTable(
      header: [
        "ROW", "STORE", "EXPECTED", "GONE", "TAKEOVER", "÷ TTL", "OVERLAP ms", "VERDICT",
      ], rows: results.map(\.cells))
  }

  /// One line, for while the others are yet to come.
  package var description: String {
    self.cells.enumerated().filter { $0.offset != 2 }.map(\.element).joined(separator: "   ")
  }

  private var cells: [String] {
    let verdict =
      switch self.verdict {
      case .ok: "ok"
      case .failed(let problems): "FAILED: \(problems.joined(separator: "; "))"
      case .skipped(let reason): "SKIPPED: \(reason)"
      }
    if case .skipped = self.verdict {
      return [self.row, self.store, self.expected, "-", "-", "-", "-", verdict]
    }
    func seconds(_ duration: Duration?) -> String {
      duration.map { "\($0.inSeconds(decimals: 2)) s" } ?? "-"
    }
    return [
      self.row, self.store, self.expected, seconds(self.facts.goneAfter),
      seconds(self.facts.takeover),
      self.facts.takeover.map {
        Duration.seconds($0 / self.ttl).inSeconds(decimals: 2)
      } ?? "-",
      "\(self.facts.podOverlap.milliseconds)", verdict,
    ]
  }
}
