/// A page of metrics.
///
/// Source: Prometheus' text format 0.0.4.
package struct MetricsPage: Sendable {
  package static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

  package private(set) var text = ""

  package init() {}

  package enum Kind: String, Sendable {
    case counter, gauge, histogram
  }

  /// Adds a metric with its values; labels are made by ``label(_:_:)``.
  package mutating func add(
    _ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: String, value: Double)]
  ) {
    self.head(name, kind, help)
    for sample in samples {
      self.line(name, sample.labels, sample.value)
    }
  }

  package mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
    self.add(name, kind, help, [("", value)])
  }

  /// Adds a histogram.
  /// - Parameters:
  ///   - bounds: the upper bounds of all buckets but the last, ascending.
  ///   - counts: the number of values in each bucket, one more than bounds.
  package mutating func add(
    _ name: String, _ help: String, bounds: [Double], counts: [Int], sum: Double
  ) {
    self.head(name, .histogram, help)
    var total = 0
    for (bound, count) in zip(bounds, counts) {
      total += count
      self.line(name + "_bucket", Self.label("le", Self.number(bound)), Double(total))
    }
    let count = Double(counts.reduce(0, +))
    self.line(name + "_bucket", Self.label("le", "+Inf"), count)
    self.line(name + "_sum", "", sum)
    self.line(name + "_count", "", count)
  }

  /// One label: `name="value"`, with the value escaped.
  package static func label(_ name: String, _ value: String) -> String {
    let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
      .replacing("\n", with: "\\n")
    return "\(name)=\"\(escaped)\""
  }

  private mutating func head(_ name: String, _ kind: Kind, _ help: String) {
    self.text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
  }

  private mutating func line(_ name: String, _ labels: String, _ value: Double) {
    self.text += labels.isEmpty ? name : "\(name){\(labels)}"
    self.text += " \(Self.number(value))\n"
  }

  /// An integer without a fraction.
  private static func number(_ value: Double) -> String {
    Int64(exactly: value).map(String.init) ?? "\(value)"
  }
}
