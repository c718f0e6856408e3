import Foundation
import TestCluster
import TestSupport
import Testing

@testable import Benchmarks

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct ReportTests {
  private static let measured = Series(.kvstore, "x")
  private static let against = Series(.etcd, "x")

  static func row(
    _ goal: Goal?, _ kvstore: [Double], _ etcd: [Double], title: String = "GET",
    unit: FigureUnit = .perSecond
  ) -> ComparisonRow? {
    var samples = Samples()
    for figure in kvstore { samples.add(figure, to: Self.measured) }
    for figure in etcd { samples.add(figure, to: Self.against) }
    return ComparisonRow(
      Comparison(title, unit, Self.measured, against: Self.against, goal: goal), samples)
  }

  @Test func `a row has the ratio of the medians, and the rounds' own ratios`() throws {
    let row = try #require(Self.row(nil, [30, 10, 20], [10, 10, 40]))
    #expect(row.measured == 20)
    #expect(row.against == 10)
    #expect(row.ratio == 2)
    #expect(row.ratios == Distribution([3, 1, 0.5]))
    #expect(row.isReached == nil)
  }

  @Test func `what was not measured has no row`() {
    #expect(Self.row(nil, [], [1]) == nil)
    #expect(Self.row(nil, [1], []) == nil)
  }

  @Test(arguments: [
    (Goal.ratioAtLeast(1.45), [1.45], true), (.ratioAtLeast(1.45), [1.44], false),
    (.ratioAtMost(0.5), [0.5], true), (.ratioAtMost(0.5), [0.51], false),
    (.ratioOneWithinSpread, [0.99, 1.2, 1.3], true), (.ratioOneWithinSpread, [1.01, 1.2], false),
    (.figureAtMost(20), [20], true), (.figureAtMost(20), [20.1], false),
  ])
  func `a goal is reached or not`(goal: Goal, kvstore: [Double], isReached: Bool) throws {
    let row = try #require(Self.row(goal, kvstore, kvstore.map { _ in 1 }))
    #expect(row.isReached == isReached)
  }

  @Test func `beside nothing there is no ratio and no verdict`() throws {
    let row = try #require(Self.row(.ratioAtMost(0.5), [1], [0]))
    #expect(row.ratio == nil)
    #expect(row.isReached == nil)
  }

  static func report(isQuick: Bool = false) throws -> KVStorePage {
    KVStorePage(
      date: "2026-11-23",
      machine: Machine(
        processor: "A & B <1>", cores: 2, memory: "1 kB", kernel: "6.1", fileSystem: "ext4"),
      versions: [("etcd", "3.4.23")], command: "zweimaster-bench kvstore --rounds 3", rounds: 3,
      seconds: 4, isQuick: isQuick,
      rows: [
        try #require(Self.row(.ratioAtLeast(1.5), [1500, 1600, 1400], [1000, 1000, 1000])),
        try #require(
          Self.row(.ratioAtMost(0.5), [3], [1], title: "start < 1 & more", unit: .milliseconds)),
        try #require(Self.row(nil, [0], [1], title: "a|b", unit: .seconds)),
      ])
  }

  @Test func `the table is aligned, and a bar in a cell breaks no column`() throws {
    #expect(
      ComparisonRow.table(try Self.report().rows).markdown == #"""
        | load             | kvstore  | compared with   | ratio | lowest to highest | goal   | reached |
        | ---------------- | -------- | --------------- | ----- | ----------------- | ------ | ------- |
        | GET              | 1,500 /s | 1,000 /s (etcd) | 1.50  | 1.40 to 1.60      | ≥ 1.50 | yes     |
        | start < 1 & more | 3.00 ms  | 1.00 ms (etcd)  | 3.00  | 3.00 to 3.00      | ≤ 0.50 | **no**  |
        | a\|b             | 0.000 s  | 1.000 s (etcd)  | 0.000 | 0.000 to 0.000    |        |         |
        """#)
  }

  @Test func `its head is that of the page in docs`() throws {
    let page = try Project.text("docs/measured/kvstore.md").split(separator: "Written by")[0]
    #expect(try Self.report().markdown(plot: "kvstore.svg").hasPrefix(page + "Written by"))
  }

  @Test func `the document says what was reached, where, and with which command`() throws {
    let text = try Self.report().markdown(plot: "p.svg")
    #expect(text.contains("1 of 2 goals reached"))
    #expect(text.contains("](p.svg)"))
    #expect(text.contains("| etcd | 3.4.23 |"))
    #expect(text.contains("median of 3 rounds"))
    #expect(text.contains("`zweimaster-bench kvstore --rounds 3`"))
    #expect(text.contains(ComparisonRow.table(try Self.report().rows).markdown))
    #expect(!text.contains("smoke run"))
    #expect(try Self.report(isQuick: true).markdown(plot: "p.svg").contains("smoke run"))
  }

  // MARK: The plot

  @Test func `the plot is well-formed, with one point for each ratio`() throws {
    let elements = try Self.elements(of: RatioPlot(try Self.report().rows).svg)
    #expect(elements.filter { $0.name == "circle" }.count == 3)
    // A band for each goal that is a ratio, and the background.
    #expect(elements.filter { $0.name == "rect" }.count == 3)
  }

  @Test func `a point right of a lower bound lies in its band, and has the colour of success`()
    throws
  {
    let elements = try Self.elements(of: RatioPlot(try Self.report().rows).svg)
    let points = elements.filter { $0.name == "circle" }
    let bands = elements.filter { $0.name == "rect" && $0.attributes["fill-opacity"] != nil }
    let kept = try #require(points.first)
    let missed = points[1]
    #expect(kept.number("cx") >= bands[0].number("x"))
    #expect(missed.number("cx") > bands[1].number("x") + bands[1].number("width"))
    #expect(kept.attributes["fill"] != missed.attributes["fill"])
    // A ratio of 0 lies at the left end rather than outside.
    #expect(points[2].number("cx") == bands[1].number("x"))
  }

  @Test func `an empty report has an empty plot`() throws {
    #expect(try Self.elements(of: RatioPlot([]).svg).filter { $0.name == "circle" }.isEmpty)
  }

  private struct Element {
    var name: String
    var attributes: [String: String]

    func number(_ attribute: String) -> Double {
      self.attributes[attribute].flatMap { Double($0) } ?? .nan
    }
  }

  private final class Collector: NSObject, XMLParserDelegate {
    var elements: [Element] = []

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
      qualifiedName: String?, attributes: [String: String] = [:]
    ) {
      self.elements.append(Element(name: name, attributes: attributes))
    }
  }

  private static func elements(of svg: String) throws -> [Element] {
    let parser = XMLParser(data: Data(svg.utf8))
    let collector = Collector()
    parser.delegate = collector
    #expect(parser.parse(), "\(String(describing: parser.parserError)) in \(svg)")
    return collector.elements
  }
}
