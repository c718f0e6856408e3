import Foundation
import Stories
import Testing

/// A story's page is one file that its strings cannot break out of.
struct StoryPageTests {
  private static let hostile = "</script><!--<b>&\"'\u{2028}<script>alert(1)</script><!--tail-->"

  @Test func noStringOfAStoryBecomesAPartOfThePage() throws {
    var story = Story(
      title: Self.hostile, verdict: Self.hostile, lanes: [.init(Self.hostile, rows: [Self.hostile])]
    )
    story.marks = [.init(.fault, at: 1, nil, Self.hostile)]
    story.facts = [Self.hostile]
    story.spans = [.init(.init(lane: 0, row: 0), .pod, Self.hostile, from: 0)]
    let page = try story.page()
    let plain = try Story(title: "a", verdict: "a", lanes: [.init("a", rows: ["a"])]).page()
    for tag in ["<script", "</script", "<!--", "<b>", "<style"] {
      #expect(page.ranges(of: tag).count == plain.ranges(of: tag).count, "\(tag)")
    }
  }

  @Test func theStoryComesBackOutOfItsPage() throws {
    var story = Story(title: Self.hostile, verdict: "all is well", lanes: [])
    story.marks = [.init(.violation, at: 0.5, .init(lane: 0, row: 1), Self.hostile)]
    let page = try story.page()
    let begin = try #require(page.firstRange(of: #"id="story">"#)).upperBound
    let end = try #require(page[begin...].firstRange(of: "</script>")).lowerBound
    let decoded = try JSONDecoder().decode(Story.self, from: Data(page[begin..<end].utf8))
    #expect(decoded == story)
  }

  /// The reader chooses one; without JavaScript the first that went wrong is told.
  @Test func severalStoriesStandInOnePage() throws {
    let good = Story(title: "good", verdict: "all is well", lanes: [])
    var bad = Story(title: "bad", verdict: "two pods ran", lanes: [])
    bad.isWrong = true
    let page = try Story.page(of: [good, bad])
    let begin = try #require(page.firstRange(of: #"id="story">"#)).upperBound
    let end = try #require(page[begin...].firstRange(of: "</script>")).lowerBound
    let decoded = try JSONDecoder().decode([Story].self, from: Data(page[begin..<end].utf8))
    #expect(decoded == [good, bad])
    #expect(page.contains("<title>bad</title>") && page.contains(">two pods ran</p>"))
  }

  /// Neither the file nor the live page may load or send anything elsewhere.
  @Test func thePageNamesNoOtherPlace() throws {
    let pages = [
      try Story(title: "t", lanes: []).page(),
      StoryPage.live(title: "t", style: "/page.css", script: "/page.js"), StoryPage.style,
      StoryPage.script, StoryPage.liveScript,
    ]
    for page in pages {
      let rest = page.replacing("http://www.w3.org/2000/svg", with: "")
      #expect(!rest.contains("://"))
      #expect(!rest.contains("@import"))
      #expect(rest.ranges(of: "url(").count == rest.ranges(of: "url(#p-").count)
    }
    for script in [StoryPage.script, StoryPage.liveScript] {
      #expect(!script.contains("innerHTML"), "texts come from logs and from users")
      #expect(!script.contains("eval("))
    }
  }

  /// A kind without a pattern and a letter would be told by its colour alone.
  @Test(arguments: Story.Span.Kind.allCases)
  func eachKindHasAPatternAndALetter(_ kind: Story.Span.Kind) {
    #expect(StoryPage.script.contains("  \(kind): {letter: \""))
    #expect(StoryPage.style.contains(".k-\(kind) {"))
  }

  @Test func kindsHaveLettersAndPatternsOfTheirOwn() {
    let letters = StoryPage.script.matches(of: /letter: "(.)"/).map(\.output.1)
    let patterns = StoryPage.script.matches(of: /pattern: "(\w+)"}/).map(\.output.1)
    #expect(Set(letters).count == Story.Span.Kind.allCases.count)
    #expect(Set(patterns).count == Story.Span.Kind.allCases.count)
  }
}
