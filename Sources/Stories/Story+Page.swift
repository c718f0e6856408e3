import FoundationEssentials

extension Story {
  /// A page that shows the story: one file with all that it needs, which loads nothing from elsewhere.
  public func page() throws -> String { try self.page(playing: Self.encoder.encode(self)) }

  /// A page that shows one of several stories, which its reader chooses; the first one that went wrong at first.
  public static func page(of stories: [Story]) throws -> String {
    let first = stories.first(where: \.isWrong) ?? stories.first ?? Story(title: "", lanes: [])
    return try first.page(playing: Self.encoder.encode(stories))
  }

  private static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }

  private func page(playing json: Data) throws -> String {
    let story = String(decoding: json, as: UTF8.self)
    return StoryPage.html(
      title: self.title, verdict: self.verdict, isWrong: self.isWrong,
      head: """
        <meta http-equiv="Content-Security-Policy" content="\(StoryPage.policyOfFile)">
        <style nonce="\(StoryPage.nonce)">
        \(StoryPage.style)</style>
        """,
      tail: """
        <script type="application/json" id="story">\(StoryPage.inScript(story))</script>
        <script nonce="\(StoryPage.nonce)">
        \(StoryPage.script)</script>
        """)
  }
}

/// The parts of the page that shows stories. A server of a live page sends them as files of their own.
public enum StoryPage {
  /// Only for a file: what is between a tag's marks there is ours, or passes ``inScript(_:)``.
  static let nonce = "story"

  static let policyOfFile =
    "default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; base-uri 'none'; form-action 'none'"

  /// The policy of a server that sends ``style`` and ``script`` as files.
  public static let policyOfServer =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    + "form-action 'none'; frame-ancestors 'none'"

  /// The page's style sheet.
  public static var style: String { Self.text(PackageResources.page_css) }

  /// Draws and plays a story.
  public static var script: String {
    Self.text(PackageResources.chart_js) + Self.text(PackageResources.page_js)
  }

  /// Shows a story that goes on, after ``script``.
  public static var liveScript: String { Self.text(PackageResources.live_js) }

  /// The page without a story, whose files are at the given addresses.
  public static func live(title: String, style: String, script: String) -> String {
    Self.html(
      title: title, verdict: "Connecting…", isWrong: false,
      head: #"<link rel="stylesheet" href="\#(style)">"#,
      tail: #"<script src="\#(script)"></script>"#)
  }

  static func html(
    title: String, verdict: String, isWrong: Bool, head: String, tail: String
  ) -> String {
    // One pass: a title may contain what looks like a place.
    let places = [
      "head": head, "tail": tail, "title": Self.escaped(title), "verdict": Self.escaped(verdict),
      "mood": isWrong ? "wrong" : "good",
    ]
    let pieces = Self.text(PackageResources.page_html).split(separator: "<!--")
    return pieces.dropFirst().reduce(String(pieces.first ?? "")) { page, piece in
      guard let end = piece.firstRange(of: "-->") else { return page + "<!--" + piece }
      return page + (places[String(piece[..<end.lowerBound])] ?? "") + piece[end.upperBound...]
    }
  }

  /// JSON that no `</script>` or `<!--` of its strings can end: in JSON a `<` stands only in strings.
  static func inScript(_ json: String) -> String { json.replacing("<", with: #"\u003c"#) }

  static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
