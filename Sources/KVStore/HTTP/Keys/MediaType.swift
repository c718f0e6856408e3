/// The part of a Content-Type that a form needs.
///
/// Source: Go 1.19's `mime.ParseMediaType`, with which etcd 3.4 is built: a repeated parameter is an error
/// there, even with the same value.
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
    var rest = MediaTypeScanner(text)
    let name = rest.take { $0 != ";" }
    if let problem = Self.problem(inName: name) {
      (self.name, self.problem) = ("", problem)
      return
    }
    switch rest.problemInParameters() {
    case .duplicate: (self.name, self.problem) = ("", "mime: duplicate parameter name")
    case .malformed: (self.name, self.problem) = (name, "mime: invalid media parameter")
    case nil: (self.name, self.problem) = (name, nil)
    }
  }

  /// `type/subtype`, or a type alone.
  private static func problem(inName name: String) -> String? {
    var rest = MediaTypeScanner(name)
    guard !rest.token().isEmpty else { return "mime: no media type" }
    if rest.isAtEnd { return nil }
    guard rest.skip("/") else { return "mime: expected slash after first token" }
    guard !rest.token().isEmpty else { return "mime: expected token after slash" }
    return rest.isAtEnd ? nil : "mime: unexpected content after media subtype"
  }
}

/// Takes the parts of a Content-Type off its front.
private struct MediaTypeScanner {
  enum ParameterProblem {
    case malformed, duplicate
  }

  private var rest: Substring.UnicodeScalarView

  init(_ text: String) {
    self.rest = Substring(text).unicodeScalars
  }

  var isAtEnd: Bool { self.rest.isEmpty }

  /// What comes before, in lower case and without the spaces around it.
  mutating func take(while isIncluded: (Unicode.Scalar) -> Bool) -> String {
    var taken = self.rest.prefix(while: isIncluded)
    self.rest = self.rest[taken.endIndex...]
    while let first = taken.first, first.properties.isWhitespace { taken.removeFirst() }
    while let last = taken.last, last.properties.isWhitespace { taken.removeLast() }
    return String(taken).lowercased()
  }

  mutating func token() -> String { self.take(while: Self.isToken) }

  mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
    guard self.rest.first == scalar else { return false }
    self.rest.removeFirst()
    return true
  }

  private mutating func skipSpaces() {
    self.rest = self.rest.drop { $0.properties.isWhitespace }
  }

  mutating func problemInParameters() -> ParameterProblem? {
    var names: Set<String> = []
    while true {
      self.skipSpaces()
      if self.isAtEnd { return nil }
      guard self.skip(";") else { return .malformed }
      self.skipSpaces()
      // A semicolon may be the end.
      if self.isAtEnd { return nil }
      let name = self.token()
      self.skipSpaces()
      guard !name.isEmpty, self.skip("=") else { return .malformed }
      self.skipSpaces()
      guard self.skipValue() else { return .malformed }
      guard names.insert(name).inserted else { return .duplicate }
    }
  }

  /// A token, or a text in quotes that may be empty.
  private mutating func skipValue() -> Bool {
    guard self.skip("\"") else { return !self.token().isEmpty }
    while let scalar = self.rest.popFirst() {
      switch scalar {
      case "\"": return true
      // A backslash before anything else stands for itself, as in MSIE's paths.
      case "\\" where self.rest.first.map(Self.isSpecial) == true: self.rest.removeFirst()
      case "\r", "\n": return false
      default: break
      }
    }
    return false
  }

  private static func isToken(_ scalar: Unicode.Scalar) -> Bool {
    (0x21...0x7E).contains(scalar.value) && !self.isSpecial(scalar)
  }

  /// Source: RFC 1521, `tspecials`.
  private static func isSpecial(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "(", ")", "<", ">", "@", ",", ";", ":", "\\", "\"", "/", "[", "]", "?", "=": true
    default: false
    }
  }
}
