import Testing

@testable import TestCluster

@Suite struct DistributionTests {
  @Test(arguments: [
    ([7], 0.5, 7), ([7], 0.95, 7), ([3, 1, 2], 0.5, 2), ([4, 3, 2, 1], 0.5, 2),
    (Array(1...20), 0.95, 19), (Array(1...100), 0.95, 95), ([2, 1], 0, 1), ([2, 1], 1, 2),
    (Array((1...100).shuffled()), 0.01, 1), (Array(1...100), 0.995, 100), (Array(1...100), 1, 100),
  ])
  func aQuantileIsOneOfTheValues(_ seconds: [Int], _ fraction: Double, _ expected: Int) throws {
    let times = try #require(Distribution(seconds.map { Duration.seconds($0) }))
    #expect(times.quantile(fraction) == .seconds(expected))
  }

  @Test(arguments: [
    ([3.0], 3.0, 3.0, 3.0), ([5, 1, 3], 1, 3, 5), ([4, 1, 3, 2], 1, 2.5, 4),
    ([2, 2, 2, 9], 2, 2, 9),
  ])
  func itHasTheMedianAndBothEnds(
    values: [Double], lowest: Double, median: Double, highest: Double
  ) throws {
    let values = try #require(Distribution(values))
    #expect(values.lowest == lowest)
    #expect(values.median == median)
    #expect(values.highest == highest)
  }

  @Test func nothingHasNone() { #expect(Distribution([Double]()) == nil) }
}
