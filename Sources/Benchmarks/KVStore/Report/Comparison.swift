import TestCluster

/// A server that is measured.
package enum Subject: String, CaseIterable, Sendable {
  case kvstore
  case etcd
  /// An HTTP server that does nothing: the ceiling.
  case bare = "bare server"
  /// The same for calls over HTTP/2.
  case bareCalls = "bare gRPC server"
}

/// Which figure of which server; there is one for each round.
package struct Series: Hashable, Sendable {
  package let subject: Subject
  /// For example `put-64.cpu`.
  package let metric: String

  package init(_ subject: Subject, _ metric: String) {
    self.subject = subject
    self.metric = metric
  }
}

/// All that was measured. The figures of a series are in the order of the rounds.
package struct Samples: Equatable, Sendable {
  package private(set) var figures: [Series: [Double]] = [:]

  package subscript(series: Series) -> [Double] { self.figures[series] ?? [] }

  package mutating func add(_ figure: Double, to series: Series) {
    self.figures[series, default: []].append(figure)
  }

  package mutating func add(_ other: Samples) {
    self.figures.merge(other.figures) { $0 + $1 }
  }
}

/// What a comparison should reach.
package enum Goal: Equatable, Sendable {
  /// The ratio of the medians.
  case ratioAtLeast(Double)
  case ratioAtMost(Double)
  /// No difference beyond that between the rounds.
  case ratioOneWithinSpread
  /// The figure itself, in the comparison's unit.
  case figureAtMost(Double)

  package func text(_ unit: FigureUnit) -> String {
    switch self {
    case .ratioAtLeast(let bound): "≥ \(FigureUnit.ratio(bound))"
    case .ratioAtMost(let bound): "≤ \(FigureUnit.ratio(bound))"
    case .ratioOneWithinSpread: "≤ 1, or 1 in the spread"
    case .figureAtMost(let bound): "≤ \(unit.text(bound))"
    }
  }
}

/// One line of the table before it is measured: which figure is compared with which.
package struct Comparison: Equatable, Sendable {
  package let title: String
  package let unit: FigureUnit
  package let measured: Series
  package let against: Series
  /// The name beside the other figure.
  package let againstName: String
  /// `nil` for a line that only informs.
  package let goal: Goal?

  package init(
    _ title: String, _ unit: FigureUnit, _ measured: Series, against: Series,
    named name: String? = nil,
    goal: Goal?
  ) {
    self.title = title
    self.unit = unit
    self.measured = measured
    self.against = against
    self.againstName = name ?? against.subject.rawValue
    self.goal = goal
  }

  /// The same figure of kvstore and of another server.
  package init(
    _ title: String, _ unit: FigureUnit, _ metric: String, beside other: Subject = .etcd,
    goal: Goal?
  ) {
    self.init(title, unit, Series(.kvstore, metric), against: Series(other, metric), goal: goal)
  }
}

/// One line of the table.
package struct ComparisonRow: Equatable, Sendable {
  package let comparison: Comparison
  package let measured: Double
  package let against: Double
  /// Of the two medians; `nil` when the other figure is 0.
  package let ratio: Double?
  /// Of the ratios of the single rounds.
  package let ratios: Distribution<Double>?

  /// `nil` when one of the two was not measured.
  package init?(_ comparison: Comparison, _ samples: Samples) {
    let measured = samples[comparison.measured]
    let against = samples[comparison.against]
    guard let measuredSpread = Distribution(measured), let againstSpread = Distribution(against)
    else {
      return nil
    }
    self.comparison = comparison
    self.measured = measuredSpread.median
    self.against = againstSpread.median
    self.ratio = againstSpread.median > 0 ? measuredSpread.median / againstSpread.median : nil
    self.ratios = Distribution(zip(measured, against).lazy.filter { $1 > 0 }.map { $0 / $1 })
  }

  /// `nil` where there is no goal, or nothing to judge by.
  package var isReached: Bool? {
    switch self.comparison.goal {
    case .ratioAtLeast(let bound)?: self.ratio.map { $0 >= bound }
    case .ratioAtMost(let bound)?: self.ratio.map { $0 <= bound }
    case .ratioOneWithinSpread?: self.ratios.map { $0.lowest <= 1 }
    case .figureAtMost(let bound)?: self.measured <= bound
    case nil: nil
    }
  }

  /// The one table of the page.
  package static func table(_ rows: [ComparisonRow]) -> TextTable {
    TextTable(
      header: [
        "load", "kvstore", "compared with", "ratio", "lowest to highest", "goal", "reached",
      ], rows: rows.map(\.cells))
  }

  private var cells: [String] {
    let comparison = self.comparison
    return [
      comparison.title,
      comparison.unit.text(self.measured),
      "\(comparison.unit.text(self.against)) (\(comparison.againstName))",
      self.ratio.map(FigureUnit.ratio) ?? "–",
      self.ratios.map { "\(FigureUnit.ratio($0.lowest)) to \(FigureUnit.ratio($0.highest))" }
        ?? "–",
      comparison.goal?.text(comparison.unit) ?? "",
      self.isReached.map { $0 ? "yes" : "**no**" } ?? "",
    ]
  }

  /// How many goals there are, and how many were reached.
  package static func summary(_ rows: [ComparisonRow]) -> String {
    let verdicts = rows.compactMap(\.isReached)
    return "\(verdicts.filter { $0 }.count) of \(verdicts.count) goals reached"
  }
}
