import Testing

@testable import Benchmark

@Suite struct StatisticsTests {
  @Test(arguments: [
    ([3.0], 3.0, 3.0, 3.0), ([5, 1, 3], 1, 3, 5), ([4, 1, 3, 2], 1, 2.5, 4),
    ([2, 2, 2, 9], 2, 2, 9),
  ])
  func `a spread has the median and both ends`(
    values: [Double], lowest: Double, median: Double, highest: Double
  ) throws {
    let spread = try #require(Spread(values))
    #expect(spread.lowest == lowest)
    #expect(spread.median == median)
    #expect(spread.highest == highest)
  }

  @Test func `nothing has no spread and no percentile`() {
    #expect(Spread([]) == nil)
    #expect([Double]().percentile(99) == nil)
  }

  @Test(arguments: [(1.0, 1.0), (50, 50), (99, 99), (99.5, 100), (100, 100)])
  func `a percentile is the nearest rank`(percent: Double, value: Double) {
    #expect((1...100).map(Double.init).shuffled().percentile(percent) == value)
  }

  @Test(arguments: [
    (FigureUnit.perSecond, 1_234_567.4, "1,234,567 /s"), (.perSecond, 999, "999 /s"),
    (.perSecond, 1000, "1,000 /s"), (.microseconds, 9.06, "9.1 µs"),
    (.milliseconds, 0.456, "0.46 ms"), (.seconds, 1.5, "1.500 s"), (.mebibytes, 30.25, "30.2 MiB"),
  ])
  func `a figure is written in its unit`(unit: FigureUnit, value: Double, text: String) {
    #expect(unit.text(value) == text)
  }

  @Test(arguments: [(0.0123, "0.012"), (0.5, "0.50"), (1.449, "1.45"), (12.34, "12.3")])
  func `a ratio has the places that it needs`(value: Double, text: String) {
    #expect(FigureUnit.ratio(value) == text)
  }

  @Test func `every other round goes the other way round`() {
    #expect([1, 2, 3].order(inRound: 0) == [1, 2, 3])
    #expect([1, 2, 3].order(inRound: 1) == [3, 2, 1])
    #expect([1, 2, 3].order(inRound: 2) == [1, 2, 3])
  }
}
