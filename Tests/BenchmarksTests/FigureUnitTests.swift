import Testing

@testable import Benchmarks

@Suite struct FigureUnitTests {
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
