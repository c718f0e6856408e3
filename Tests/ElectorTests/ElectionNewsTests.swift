import Testing

@testable import Elector

@Suite struct ElectionNewsTests {
  /// Which of the reports are news.
  private func news(_ reports: [Election.Report]) -> [Bool] {
    var news = ElectionNews()
    return reports.enumerated().map { news.isNews($1, at: Instant(.seconds($0))) }
  }

  @Test func troubleThatGoesOnIsToldOnce() {
    let refused = Election.Report.storeFails(reason: "refused")
    let told = self.news([
      refused, refused, .storeFails(reason: "timed out"), refused,
      .recordFails(reason: "refused"), .recordFails(reason: "refused"), .storeAnswersAgain,
      refused, .recordFails(reason: "refused"),
    ])
    #expect(told == [true, false, true, false, true, false, true, true, true])
  }

  /// As of two endpoints that fail in turn, once a second.
  @Test func errorsThatAlternateDoNotFloodTheLog() {
    let reports = (0..<120).map { Election.Report.storeFails(reason: "endpoint \($0 % 2)") }
    #expect(self.news(reports).count { $0 } == 2)
    let each = (0..<120).map { Election.Report.storeFails(reason: "after \($0) ms") }
    #expect(self.news(each).count { $0 } == 2 * ElectionNews.mostLines)
  }

  @Test func aStoreThatComesAndGoesDoesNotFloodTheLog() {
    let reports = (0..<120).map {
      $0 % 2 == 0 ? Election.Report.storeFails(reason: "refused") : .storeAnswersAgain
    }
    let told = self.news(reports)
    #expect(told.count { $0 } == 4 * ElectionNews.mostLines)
    // What is logged to fail is logged to answer again.
    #expect(stride(from: 0, to: 120, by: 2).allSatisfy { told[$0] == told[$0 + 1] })
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
