import TestCluster

/// A promise that the demo checks, with what it measured.
package struct DemoPromise: Equatable, Sendable {
  package let what: String
  package let measured: String
  package let promised: String
  package let isKept: Bool

  init(_ what: String, _ measured: Duration, below limit: Duration, _ why: String) {
    self.init(
      what, measured: "\(measured.inSeconds(decimals: 2)) s",
      promised: "below \(limit.inSeconds(decimals: 1)) s (\(why))", isKept: measured < limit)
  }

  init(_ what: String, measured: String, promised: String, isKept: Bool) {
    self.what = what
    self.measured = measured
    self.promised = promised
    self.isKept = isKept
  }

  /// The demo's summary.
  package static func table(_ promises: [DemoPromise]) -> TextTable {
    TextTable(
      header: ["", "WHAT", "MEASURED", "PROMISED"],
      rows: promises.map { [$0.isKept ? "✓" : "✗", $0.what, $0.measured, $0.promised] })
  }
}
