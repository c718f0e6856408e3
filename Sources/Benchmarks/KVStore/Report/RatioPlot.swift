import Foundation

/// The ratios of a table as a picture: a point and its spread for each line, on a logarithmic axis,
/// before a band where the goal is reached.
package struct RatioPlot: Sendable {
  private static let rowHeight = 22.0
  private static let top = 56.0
  private static let labelWidth = 400.0
  private static let axisWidth = 420.0
  private static let valueWidth = 110.0

  private let rows: [ComparisonRow]
  /// The powers of two at which the axis begins and ends.
  private let range: ClosedRange<Double>

  package init(_ rows: [ComparisonRow]) {
    self.rows = rows
    // A point beyond these lies on the edge.
    let shown = rows.flatMap { row in
      [row.ratio, row.ratios?.lowest, row.ratios?.highest].compactMap(\.self)
    }.map { log2(min(max($0, 1.0 / 16), 16)) }
    self.range =
      min(-1, (shown.min() ?? 0).rounded(.down))...max(1, (shown.max() ?? 0).rounded(.up))
  }

  package var svg: String {
    let width = Self.labelWidth + Self.axisWidth + Self.valueWidth
    let bottom = Self.top + Double(self.rows.count) * Self.rowHeight
    let drawn = self.rows.enumerated().map { index, row in
      self.draw(row, middle: Self.top + (Double(index) + 0.5) * Self.rowHeight)
    }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.n(width)) \(Self.n(bottom + 12))" \
      font-family="sans-serif" font-size="12">
      <rect width="100%" height="100%" fill="#ffffff"/>
      <text x="8" y="18" font-size="14" font-weight="bold">kvstore divided by what it is compared with</text>
      <text x="8" y="36" fill="#555555">point: ratio of the medians; line: the rounds; \
      green: where the goal is reached</text>
      \(self.axis(bottom: bottom))
      \(drawn.joined(separator: "\n"))
      </svg>

      """
  }

  /// Where a ratio lies.
  private func x(_ ratio: Double) -> Double {
    let power = min(max(log2(max(ratio, 1e-9)), self.range.lowerBound), self.range.upperBound)
    let share = (power - self.range.lowerBound) / (self.range.upperBound - self.range.lowerBound)
    return Self.labelWidth + share * Self.axisWidth
  }

  private func axis(bottom: Double) -> String {
    stride(from: self.range.lowerBound, through: self.range.upperBound, by: 1).map { power in
      let x = Self.n(self.x(exp2(power)))
      let label = power < 0 ? "1/\(Int(exp2(-power)))" : "\(Int(exp2(power)))"
      return """
        <line x1="\(x)" y1="\(Self.n(Self.top))" x2="\(x)" y2="\(Self.n(bottom))" \
        stroke="\(power == 0 ? "#555555" : "#dddddd")"/>
        <text x="\(x)" y="\(Self.n(Self.top - 5))" text-anchor="middle" fill="#555555">\(label)</text>
        """
    }.joined(separator: "\n")
  }

  private func draw(_ row: ComparisonRow, middle: Double) -> String {
    var parts: [String] = []
    let band: ClosedRange<Double>? =
      switch row.comparison.goal {
      case .ratioAtLeast(let bound)?: self.x(bound)...Self.labelWidth + Self.axisWidth
      case .ratioAtMost(let bound)?: Self.labelWidth...self.x(bound)
      case .ratioOneWithinSpread?: Self.labelWidth...self.x(1)
      case .figureAtMost?, nil: nil
      }
    if let band {
      parts.append(
        """
        <rect x="\(Self.n(band.lowerBound))" y="\(Self.n(middle - 8))" \
        width="\(Self.n(band.upperBound - band.lowerBound))" height="16" fill="#2e9e4f" \
        fill-opacity="0.15"/>
        """)
    }
    let y = Self.n(middle)
    let baseline = Self.n(middle + 4)
    let name = "\(row.comparison.title) / \(row.comparison.againstName)"
    parts.append(
      """
      <text x="\(Self.n(Self.labelWidth - 8))" y="\(baseline)" text-anchor="end">\(Self.escape(name))</text>
      """)
    guard let ratio = row.ratio else { return parts.joined(separator: "\n") }
    let color =
      switch row.isReached {
      case true?: "#1a7a38"
      case false?: "#c62828"
      case nil: "#555555"
      }
    if let ratios = row.ratios {
      parts.append(
        """
        <line x1="\(Self.n(self.x(ratios.lowest)))" y1="\(y)" x2="\(Self.n(self.x(ratios.highest)))" \
        y2="\(y)" stroke="\(color)" stroke-width="2"/>
        """)
    }
    parts.append(
      """
      <circle cx="\(Self.n(self.x(ratio)))" cy="\(y)" r="4" fill="\(color)"/>
      <text x="\(Self.n(Self.labelWidth + Self.axisWidth + 8))" y="\(baseline)" fill="\(color)">\
      \(FigureUnit.ratio(ratio))</text>
      """)
    return parts.joined(separator: "\n")
  }

  private static func n(_ value: Double) -> String { FigureUnit.decimal(value, places: 1) }

  private static func escape(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }
}
