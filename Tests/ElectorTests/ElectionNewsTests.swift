import Testing

@testable import Elector

@Suite struct ElectionNewsTests {
  /// Which of the reports are news.
  private func news(_ reports: [Election.Report]) -> [Bool] {
    var news = ElectionNews()
    return reports.map { news.isNews($0) }
  }

  @Test func troubleThatGoesOnIsToldOnce() {
    let refused = Election.Report.storeFails(reason: "refused")
    let told = self.news([
      refused, refused, .storeFails(reason: "timed out"), refused,
      .recordFails(reason: "refused"), .recordFails(reason: "refused"), .storeAnswersAgain,
      refused, .recordFails(reason: "refused"),
    ])
    #expect(told == [true, false, true, true, true, false, true, true, true])
  }

  @Test(arguments: [
    Election.Report.sourceFails(reason: "gone"), .cannotRemove(reason: "busy"),
  ]) func troubleWithFilesIsNewsAgainInAnotherTerm(_ report: Election.Report) {
    #expect(
      self.news([report, report, .lost(term: 1, .removed), report]) == [true, false, true, true])
  }

  @Test func theRecipesLinesAreToldEachTime() {
    let told = self.news([.leading, .leading, .following(leader: "a"), .following(leader: "a")])
    #expect(told == [true, true, true, true])
  }
}
