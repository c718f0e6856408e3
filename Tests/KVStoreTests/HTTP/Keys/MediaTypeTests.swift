import Testing

@testable import KVStore

/// What a form is taken from. The expectations are the answers of etcd 3.4.23 to a PUT with the body
/// `value=seen`.
@Suite struct MediaTypeTests {
  /// - Parameters: the type, and the value that is stored, or the cause of error 210.
  @Test(
    arguments: [
      (
        "application/x-www-form-urlencoded charset=utf-8", nil,
        "mime: unexpected content after media subtype"
      ),
      (
        "application/x-www-form-urlencoded, application/x-www-form-urlencoded", nil,
        "mime: unexpected content after media subtype"
      ),
      ("text/", nil, "mime: expected token after slash"),
      (
        "application/x-www-form-urlencoded; charset=utf-8; charset=utf-8", nil,
        "mime: duplicate parameter name"
      ),
      ("application/x-www-form-urlencoded; a=\"b", nil, "mime: invalid media parameter"),
      ("application/x-www-form-urlencoded; a=b; A=c", nil, "mime: duplicate parameter name"),
      ("application/x-www-form-urlencoded; a=\"b\"", "seen", nil),
      ("application/x-www-form-urlencoded; a=\"b\\\"c\"", "seen", nil),
      ("application/x-www-form-urlencoded; a=\"b\"x", nil, "mime: invalid media parameter"),
      ("application/x-www-form-urlencoded;", "seen", nil),
      ("application/x-www-form-urlencoded;;", nil, "mime: invalid media parameter"),
      ("application/x-www-form-urlencoded; ;", nil, "mime: invalid media parameter"),
      ("application/x-www-form-urlencoded; a", nil, "mime: invalid media parameter"),
      ("application/x-www-form-urlencoded; a=", nil, "mime: invalid media parameter"),
      ("application/x-www-form-urlencoded; =b", nil, "mime: invalid media parameter"),
      ("application/x-www-form-urlencoded; a=\"\"", "seen", nil),
      ("application/x-www-form-urlencoded ; a = b", "seen", nil),
      ("application/x-www-form-urlencoded;a=b;", "seen", nil),
      ("application/x-www-form-urlencoded; a=b c", nil, "mime: invalid media parameter"),
      ("application/x-www-form-urlencoded; a*0=b; a*1=c", "seen", nil),
      ("application/x-www-form-urlencoded; a*0=b; a*0=c", nil, "mime: duplicate parameter name"),
      ("application/x-www-form-urlencoded; a*=utf-8''x", "seen", nil),
      ("APPLICATION/X-WWW-FORM-URLENCODED", "seen", nil),
      ("application", "", nil),
      ("application /x", nil, "mime: expected slash after first token"),
      ("application/ x", nil, "mime: expected token after slash"),
      ("application/x y", nil, "mime: unexpected content after media subtype"),
      ("/x", nil, "mime: no media type"),
      ("application//x", nil, "mime: expected token after slash"),
      ("a@b/c", nil, "mime: expected slash after first token"),
      ("text/plain; a", nil, "mime: invalid media parameter"),
      ("text/plain", "", nil),
      ("multipart/form-data; boundary=x", "", nil),
      ("\u{E9}", nil, "mime: no media type"),
      ("application/x-www-form-urlencoded; \u{E9}=x", nil, "mime: invalid media parameter"),
      ("application/x-www-form-urlencoded; a=\u{E9}", nil, "mime: invalid media parameter"),
      ("application/x-www-form-urlencoded;\u{A0}a=b", "seen", nil),
      ("application/x-www-form-urlencoded; a=\"\u{E9}\"", "seen", nil),
      (";", nil, "mime: no media type"),
      ("; a=b", nil, "mime: no media type"),
      ("application/x-www-form-urlencoded\t; a=b", "seen", nil),
      ("*/*", "", nil),
      ("a/b/c", nil, "mime: unexpected content after media subtype"),
      ("application/x-www-form-urlencoded; a=\"b\\c\"", "seen", nil),
      ("application/x-www-form-urlencoded; a=\"b\tc\"", "seen", nil),
      ("application/x-www-form-urlencoded; a=b;; c=d", nil, "mime: invalid media parameter"),
      ("application/x-www-form-urlencoded; boundary=a; charset=utf-8", "seen", nil),
    ] as [(String, String?, String?)])
  func isTakenOrRefusedAsInEtcd(type: String, value: String?, cause: String?) throws {
    if let cause {
      #expect(throws: StoreError(.invalidForm, cause: cause)) { try self.form(type) }
    } else {
      let form = try self.form(type)
      #expect(String(decoding: form["value"] ?? [], as: UTF8.self) == value)
    }
  }

  /// Of several problems etcd names this one.
  @Test func theFirstProblemIsNamed() {
    let type = MediaType.form
    let large = "value=" + String(repeating: "x", count: KVStoreServer.standardMaxRequestBytes)
    for (type, body, query, cause) in [
      (type + "; a", "value=%zz", nil, "mime: invalid media parameter"),
      (type + "; a", "value=1", "x=%zz", "mime: invalid media parameter"),
      (type, "value=%zz", "x=%yy", "invalid URL escape \"%zz\""),
      (type + "; a", large, nil, "http: POST too large"),
    ] as [(String, String, String?, String)] {
      #expect(throws: StoreError(.invalidForm, cause: cause)) {
        try self.form(type, body: body, query: query)
      }
    }
  }

  private func form(
    _ type: String, body: String = "value=seen", query: String? = nil
  ) throws(StoreError) -> Form {
    try Form(
      query: query.map { Array($0.utf8) }, body: Array(body.utf8), contentType: type)
  }
}
