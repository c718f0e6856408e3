/// The parameters of a request: the body's, then the query's. The first of a name counts.
///
/// Source: Go's `Request.ParseForm`, whose errors etcd returns as the cause of error 210.
struct Form: Equatable, Sendable {
  private var fields: [(name: [UInt8], value: [UInt8])] = []

  static func == (a: Form, b: Form) -> Bool {
    a.fields.elementsEqual(b.fields) { $0.name == $1.name && $0.value == $1.value }
  }

  /// - Parameters:
  ///   - body: of a PUT or POST; `nil` for the other methods.
  ///   - contentType: a body of another type than a form is ignored.
  ///   - limit: the most bytes of a body.
  /// - Throws: error 210 with the first problem.
  init(
    query: [UInt8]?, body: [UInt8]? = nil, contentType: String? = nil,
    limit: Int = KVStoreServer.standardMaxRequestBytes
  ) throws(StoreError) {
    var problem: String?
    if let body {
      let type = MediaType(contentType ?? "")
      problem = type.problem
      if type.name == MediaType.form {
        if body.count > limit {
          problem = "http: POST too large"
        } else {
          problem = problem ?? self.add(body[...])
        }
      }
    }
    if let query { problem = problem ?? self.add(query[...]) }
    if let problem { throw StoreError(.invalidForm, cause: problem) }
  }

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
