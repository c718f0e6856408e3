import Testing

@testable import TestCluster

@Suite struct SpreadTests {
  @Test(arguments: [
    ([7], 0.5, 7), ([7], 0.95, 7), ([3, 1, 2], 0.5, 2), ([4, 3, 2, 1], 0.5, 2),
    (Array(1...20), 0.95, 19), (Array(1...100), 0.95, 95), ([2, 1], 0, 1), ([2, 1], 1, 2),
  ])
  func aQuantileIsOneOfTheDurations(_ seconds: [Int], _ fraction: Double, _ expected: Int) {
    let spread = Spread(seconds.map { .seconds($0) })
    #expect(spread.quantile(fraction) == .seconds(expected))
  }
}
