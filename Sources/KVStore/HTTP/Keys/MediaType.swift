/// The part of a Content-Type that a form needs.
///
/// Source: Go's `mime.ParseMediaType`.
struct MediaType: Equatable, Sendable {
  /// In lower case; empty without a type.
  let name: String
  static let form = "application/x-www-form-urlencoded"

  /// In Go's words; the name may be known all the same.
  let problem: String?

  init(_ text: String) {
    // Nearly every client sends exactly this, or nothing.
    guard !text.isEmpty, text != Self.form else {
      (self.name, self.problem) = (text, nil)
      return
    }
    var parts = text.split(separator: ";", omittingEmptySubsequences: false).map(Self.trimmed)
    let name = parts.removeFirst().lowercased()
    guard !name.isEmpty else {
      (self.name, self.problem) = ("", "mime: no media type")
      return
    }
    // Go allows a semicolon at the end.
    if parts.last?.isEmpty == true { parts.removeLast() }
    let isMalformed = parts.contains { part in
      guard let separator = part.firstIndex(of: "=") else { return true }
      return part[..<separator].isEmpty || part[part.index(after: separator)...].isEmpty
    }
    (self.name, self.problem) = (name, isMalformed ? "mime: invalid media parameter" : nil)
  }

  private static func trimmed(_ text: Substring) -> String {
    String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}
