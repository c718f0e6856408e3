import FaultCampaigns
import Foundation
import Testing

/// The film of the demo in the README says what the demo says now; `make demo-film` makes it anew.
@Suite struct FilmTests {
  private static let path = "docs/demo.svg"

  /// The film's lines as one text, with single spaces.
  private static let text: String = {
    let picture = Repository.text(path) ?? ""
    let lines = picture.matches(of: /<text [^>]*>([^<]*)<\/text>/).map { match in
      String(match.1).replacing("&lt;", with: "<").replacing("&gt;", with: ">")
        .replacing("&amp;", with: "&")
    }
    return plain(lines.joined(separator: " "))
  }()

  private static func plain(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  @Test(arguments: DemoText.ofEveryRun)
  func `it has each sentence of the demo`(_ sentence: String) throws {
    var rest = Self.text[...]
    let parts = Self.plain(sentence).split(separator: "…").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    for part in parts where !part.isEmpty {
      guard let found = rest.firstRange(of: part) else {
        Issue.record("\(Self.path) lacks \"\(part)\": it is older than the demo; 'make demo-film'")
        return
      }
      rest = rest[found.upperBound...]
    }
  }

  @Test func `it is small, loads nothing, and respects what its reader has set`() throws {
    let picture = try #require(Repository.text(Self.path))
    #expect(picture.utf8.count <= 100_000)
    for wanted in [
      "<title ", "<desc ", "prefers-reduced-motion", "prefers-color-scheme", "@keyframes",
    ] {
      #expect(picture.contains(wanted), "\(Self.path) has no \(wanted)")
    }
    let loaded = picture.firstMatch(of: /url\(|href|@import|@font-face|<script|<image/)
    #expect(loaded == nil, "\(Self.path) has \(loaded.map { String($0.output) } ?? "")")
    #expect(try #require(Repository.text("README.md")).contains("(\(Self.path))"))
  }
}
