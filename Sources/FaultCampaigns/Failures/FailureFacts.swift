import Elector
import TestCluster

/// What happened in one row; all times count from the fault's begin.
package struct FailureFacts: Equatable, Sendable {
  /// When the leader's manifest was gone; `nil` when it never was.
  package var goneAfter: Duration?
  /// When the next manifest came, counted from the fault's end where no node may lead during it. For a manifest
  /// that is restored, when it was right again.
  package var takeover: Duration?
  /// The node that it came to.
  package var successor: FailureRow.Successor?
  /// Nodes that got a manifest while no other node may lead.
  package var intruders: [String] = []
  package var isSameTerm = false
  /// Whether an elector logged the expected message.
  package var isReported = true
  /// Of the pods, all roles together.
  package var podOverlap = Duration.zero
  /// Of the manifests.
  package var manifestOverlap = Duration.zero

  /// The worst of both rounds.
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

/// Why this machine cannot have a fault.
package struct FaultUnavailable: Error {
  package var reason: String
}

extension FailureRow {
  /// Broken expectations; empty when all is well.
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
    // podmaster's own timing allows an overlap that ends.
    let allowed = timing.profile == .podmaster ? timing.podOutlivesLease() : .zero
    let isExcepted = self.exception != nil
    demand(
      facts.podOverlap <= allowed || isExcepted,
      "two pods at once for \(seconds(facts.podOverlap))")
    // Without elector and guard the manifest stays; what matters is its pod.
    demand(
      facts.manifestOverlap == .zero || self.fault == .killContainer || isExcepted,
      "two manifests at once for \(seconds(facts.manifestOverlap))")
    if let goneWithin { demand("the manifest was gone", facts.goneAfter, within: goneWithin) }
    switch self.expectation {
    case .takeover(let successor, let bound):
      demand("the next manifest came", facts.takeover, within: bound)
      demand(
        successor == .either || facts.successor == nil || facts.successor == successor,
        "it came to the wrong node")
      // A store that went back assigns the same indexes again.
      demand(!facts.isSameTerm || bound == .restored, "the term is still the same")
    case .retreat(let bound):
      demand("the next manifest came", facts.takeover, within: bound)
      demand(
        facts.intruders.isEmpty, "\(facts.intruders.joined(separator: ", ")) led without a store")
    case .kept(let bound):
      demand("the next manifest came", facts.takeover, within: bound)
      demand(
        facts.intruders.isEmpty,
        "\(facts.intruders.joined(separator: ", ")) led before the leader could leave")
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
    demand(facts.isReported, "no elector logged \"\(self.report ?? "")\"")
    return problems
  }
}
