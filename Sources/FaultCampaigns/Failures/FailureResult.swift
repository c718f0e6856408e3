import Stories
import TestCluster

/// A row with its verdict.
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
  /// What happened, if it was recorded.
  package var story: Story?

  package var isFailed: Bool {
    if case .failed = self.verdict { true } else { false }
  }

  package static func table(_ results: [FailureResult]) -> TextTable {
    TextTable(
      header: [
        "ROW", "STORE", "EXPECTED", "GONE", "TAKEOVER", "÷ TTL", "OVERLAP ms", "VERDICT",
      ], rows: results.map(\.cells))
  }

  /// One line of progress.
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
