import Foundation
import Testing

/// What neither documents nor sources say: turns of phrase that have to be read twice, work left undone,
/// ways around structured concurrency, places that exist on no other machine.
@Suite struct WordTests {
  private static let inProse = [
    #"\b[Nn]obody (is )?asks?\b"#, #"\b[Ww]hoever\b"#, #"\b[Tt]he one (that|who)\b"#,
    "is not to be had", "so many of them", #"\b[Ss]omebody\b"#,
  ]

  private static let inSources = [
    #"\bTask\.detached\b"#, #"\bTask \{"#, #"\btry!"#, #"\bas!"#, #"\bTO[D]O\b"#, #"\bFIX[M]E\b"#,
    #"\b[Nn]obody (is )?asks?\b"#, #"\b[Ww]hoever\b"#, #"\b[Tt]he one (that|who)\b"#,
    "is not to be had",
  ]

  private static let inTests = [#"#expect\((Bool\()?true\)?\)"#, #"\bTask\.detached\b"#]

  private static let anywhere = [#"\.\./shared\b"#, #"(^|[\s"'(`])/(root|work)/"#]

  /// These need a sentence beside them that proves them.
  private static let needingProof = ["@unchecked Sendable", #"nonisolated\(unsafe\)"#]

  @Test(arguments: Repository.documents)
  func noPageHasABannedWord(_ path: String) throws {
    for line in try Page(path).lines where !line.isCode {
      for words in Self.inProse + Self.anywhere {
        #expect(
          !Self.matches(line.text, words), "\(path):\(line.number) has /\(words)/: \(line.text)")
      }
    }
  }

  @Test(arguments: [
    (Repository.sources, inSources + anywhere),
    (Repository.tests.filter { !$0.contains("DocumentTests/") }, inTests + anywhere),
    (Repository.files(below: "integration", ending: ""), anywhere),
    (Repository.files(below: "deploy", ending: ""), [#"\.\./shared\b"#]),
    (Repository.files(below: "packaging", ending: ""), anywhere),
  ])
  func noSourceHasABannedWord(_ paths: [String], _ banned: [String]) {
    for path in paths {
      // One look at the whole text spares one at each line of it, but for the anchors of a line.
      let text = "\n" + (Repository.text(path) ?? "")
      for words in banned where Self.matches(text[...], words.replacing("(^|", with: "(\n|")) {
        for (index, line) in Self.lines(path) where Self.matches(line, words) {
          Issue.record("\(path):\(index + 1) has /\(words)/: \(line)")
        }
      }
    }
  }

  @Test func whatTheCompilerCannotProveIsProvedInWords() {
    for path in Repository.sources
    where Self.needingProof.contains(where: { Self.matches((Repository.text(path) ?? "")[...], $0) }
    ) {
      let lines = Self.lines(path)
      for (index, line) in lines where Self.needingProof.contains(where: { Self.matches(line, $0) })
      {
        #expect(
          index > 0 && lines[index - 1].text.contains("//"),
          "\(path):\(index + 1) needs a comment on the line above that proves it: \(line)")
      }
    }
  }

  private static func lines(_ path: String) -> [(index: Int, text: Substring)] {
    (Repository.text(path) ?? "").split(separator: "\n", omittingEmptySubsequences: false)
      .enumerated().map { ($0.offset, $0.element) }
  }

  private static func matches(_ line: Substring, _ words: String) -> Bool {
    line.range(of: words, options: .regularExpression) != nil
  }
}
