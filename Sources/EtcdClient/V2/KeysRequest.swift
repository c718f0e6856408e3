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

/// `application/x-www-form-urlencoded`, with a space as `%20`, which is valid in a path, too.
enum FormEncoding {
  /// Without the fields that are `nil`.
  static func encode(_ fields: [(String, String?)]) -> String {
    fields.compactMap { name, value in value.map { "\(self.escape(name))=\(self.escape($0))" } }
      .joined(separator: "&")
  }

  /// Escapes all but the unreserved characters of RFC 3986.
  static func escape(_ text: some StringProtocol) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return result
  }
}
