import Testing

@testable import EtcdClient

@Suite struct StoreContinuityTests {
  private static func at(_ index: UInt64, cluster: UInt64? = 1) -> StorePosition {
    StorePosition(clusterID: cluster, index: index)
  }

  @Test func goesOnWhileTheIndexDoes() {
    var continuity = StoreContinuity()
    #expect(continuity.observe(Self.at(5), sentAfter: nil) == .continues)
    #expect(continuity.observe(Self.at(5), sentAfter: continuity.latest) == .continues)
    #expect(continuity.observe(Self.at(9), sentAfter: continuity.latest) == .continues)
    #expect(continuity.latest == Self.at(9))
  }

  /// An answer is compared with the position at the request.
  @Test func anAnswerThatWasOvertakenIsNoStepBack() {
    var continuity = StoreContinuity()
    _ = continuity.observe(Self.at(5), sentAfter: nil)
    let sent = continuity.latest
    _ = continuity.observe(Self.at(9), sentAfter: sent)
    #expect(continuity.observe(Self.at(7), sentAfter: sent) == .continues)
    #expect(continuity.latest == Self.at(9))
  }

  @Test func noticesAnOlderCopyOnce() {
    var continuity = StoreContinuity()
    _ = continuity.observe(Self.at(9), sentAfter: nil)
    #expect(
      continuity.observe(Self.at(4), sentAfter: continuity.latest) == .wentBack(from: 9, to: 4))
    #expect(continuity.observe(Self.at(4), sentAfter: continuity.latest) == .continues)
  }

  @Test func noticesAnotherClusterWhateverItsIndex() {
    for index: UInt64 in [4, 9, 20] {
      var continuity = StoreContinuity()
      _ = continuity.observe(Self.at(9), sentAfter: nil)
      #expect(
        continuity.observe(Self.at(index, cluster: 2), sentAfter: continuity.latest)
          == .replaced(from: 1, to: 2))
      #expect(
        continuity.observe(Self.at(index, cluster: 2), sentAfter: continuity.latest) == .continues)
    }
  }

  @Test func aServerThatDoesNotSayWhoItIsIsTakenByItsIndex() {
    var continuity = StoreContinuity()
    _ = continuity.observe(Self.at(9), sentAfter: nil)
    #expect(
      continuity.observe(Self.at(10, cluster: nil), sentAfter: continuity.latest) == .continues)
    #expect(continuity.latest == Self.at(10))
  }
}
