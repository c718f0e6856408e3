/// The parameters of a request: those of its body, then those of its query; the first of a name counts.
///
/// Source: Go's `Request.ParseForm`, whose errors etcd hands on as the cause of error 210.
struct Form: Equatable, Sendable {
  private var fields: [(name: [UInt8], value: [UInt8])] = []

  /// What a form in a body may hold, in bytes.
  static let maxBodySize = 10 << 20

  static func == (a: Form, b: Form) -> Bool {
    a.fields.elementsEqual(b.fields) { $0.name == $1.name && $0.value == $1.value }
  }

  /// - Parameters:
  ///   - body: the body of a PUT or POST; `nil` where none is looked at.
  ///   - contentType: the body counts only if this says that it is a form.
  /// - Throws: error 210 for the first thing that is wrong.
  init(
    query: [UInt8]?, body: [UInt8]? = nil, contentType: String? = nil
  ) throws(StoreError) {
    var problem: String?
    if let body {
      let type = MediaType(contentType ?? "")
      problem = type.problem
      if type.name == MediaType.form {
        if body.count > Self.maxBodySize {
          problem = problem ?? "http: POST too large"
        } else {
          problem = self.add(body[...]) ?? problem
        }
      }
    }
    if let query { problem = problem ?? self.add(query[...]) }
    if let problem { throw StoreError(.invalidForm, cause: problem) }
  }

  /// The first value of a name; `nil` when the name does not occur.
  subscript(name: StaticString) -> [UInt8]? {
    guard !self.fields.isEmpty else { return nil }
    return name.withUTF8Buffer { name in
      self.fields.first { $0.name.elementsEqual(name) }?.value
    }
  }

  /// - Returns: the first problem, in Go's words.
  private mutating func add(_ encoded: ArraySlice<UInt8>) -> String? {
    var problem: String?
    for pair in encoded.split(separator: UInt8(ascii: "&")) {
      if pair.contains(UInt8(ascii: ";")) {
        problem = problem ?? "invalid semicolon separator in query"
        continue
      }
      let separator = pair.firstIndex(of: UInt8(ascii: "="))
      do throws(PercentEncoding.Malformed) {
        let name = try PercentEncoding.decode(
          pair[..<(separator ?? pair.endIndex)], plusIsSpace: true)
        let value = try separator.map { position throws(PercentEncoding.Malformed) in
          try PercentEncoding.decode(pair[(position + 1)...], plusIsSpace: true)
        }
        self.fields.append((name, value ?? []))
      } catch {
        problem = problem ?? "invalid URL escape \"\(error.escape)\""
      }
    }
    return problem
  }
}

/// A Content-Type, as far as a form needs it.
///
/// Source: Go's `mime.ParseMediaType`.
struct MediaType: Equatable, Sendable {
  /// In lower case; empty where there is none.
  let name: String
  static let form = "application/x-www-form-urlencoded"

  /// What is wrong with it, in Go's words; the name may be known all the same.
  let problem: String?

  init(_ text: String) {
    // What nearly every client sends, or nothing: there is nothing to be taken apart.
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
    // A lone semicolon at the end is let pass.
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
