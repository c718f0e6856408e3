/// One request to the keys API as method, target and body, without an endpoint.
///
/// Conditions go into the query and values into the form, as in Go's `client/v2`: etcd reads both, but for
/// a DELETE only the query.
struct KeysRequest: Equatable, Sendable {
  enum Method: String, Sendable { case get = "GET", put = "PUT", delete = "DELETE" }

  var method: Method
  /// Path and query.
  var target: String
  /// A form; `nil` when the request has no body.
  var body: String?

  init(
    _ method: Method, key: String, query: [(String, String?)], form: [(String, String?)]? = nil
  ) {
    let query = FormEncoding.encode(query)
    self.method = method
    self.target = "/v2/keys" + Self.path(key) + (query.isEmpty ? "" : "?" + query)
    self.body = form.map(FormEncoding.encode)
  }

  /// The key with a leading slash, no empty components, and each component escaped.
  static func path(_ key: String) -> String {
    key.split(separator: "/").map { "/" + FormEncoding.escape($0) }.joined()
  }
}
