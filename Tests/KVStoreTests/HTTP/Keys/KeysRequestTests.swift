import Testing

@testable import KVStore

@Suite struct KeysRequestTests {
  private static let now = StoreTime(nanoseconds: 1_700_000_000_000_000_000)
  private static let key = StorePath("/k")

  private func parse(
    _ method: KeysRequest.Method, query: String, body: String? = nil
  ) throws(StoreError) -> KeysRequest {
    let form = try Form(
      query: Array(query.utf8), body: body.map { Array($0.utf8) },
      contentType: "application/x-www-form-urlencoded")
    return try KeysRequest(method, path: Self.key, form: form, now: Self.now)
  }

  static let understood: [(KeysRequest.Method, String, String?, KeysRequest)] = [
    (.get, "", nil, .get(key, isRecursive: false, isSorted: false)),
    (.get, "recursive=true&sorted=1&quorum=T", nil, .get(key, isRecursive: true, isSorted: true)),
    (.get, "wait=true", nil, .watch(key, isRecursive: false, isStream: false, waitIndex: nil)),
    (
      .get, "wait=true&waitIndex=7&recursive=true&stream=true", nil,
      .watch(key, isRecursive: true, isStream: true, waitIndex: 7)
    ),
    (.get, "wait=true&quorum=true", nil, .get(key, isRecursive: false, isSorted: false)),
    (.put, "", "value=a+b%21", .change(.set(key, "a b!"), actionOnly: false)),
    (.put, "value=query", "value=body", .change(.set(key, "body"), actionOnly: false)),
    (.put, "prevExist=false", "value=1", .change(.create(key, "1"), actionOnly: false)),
    (.put, "prevExist=true", "value=1", .change(.update(key, "1"), actionOnly: false)),
    (.put, "prevIndex=0", "value=1", .change(.set(key, "1"), actionOnly: false)),
    (
      .put, "prevIndex=4&prevExist=true", "value=1",
      .change(.compareAndSwap(key, .init(index: 4), "1"), actionOnly: false)
    ),
    (
      .put, "prevExist=false&prevIndex=4", "value=1", .change(.create(key, "1"), actionOnly: false)
    ),
    (
      .put, "ttl=5", "value=1",
      .change(
        .set(key, .init(value: [0x31], deadline: now.advanced(bySeconds: 5))), actionOnly: false)
    ),
    (.put, "ttl=", "value=1&noValueOnSuccess=true", .change(.set(key, "1"), actionOnly: true)),
    (.put, "dir=true", nil, .change(.set(key, .init(isDirectory: true)), actionOnly: false)),
    (
      .put, "refresh=true&ttl=5&prevExist=true", nil,
      .change(
        .update(key, .init(deadline: now.advanced(bySeconds: 5), isRefresh: true)),
        actionOnly: false)
    ),
    (.post, "", "value=1", .change(.createInOrder(key, "1"), actionOnly: false)),
    (
      .delete, "recursive=true&dir=true", nil,
      .change(.delete(key, isDirectory: true, isRecursive: true), actionOnly: false)
    ),
    (
      .delete, "prevIndex=3", nil,
      .change(.compareAndDelete(key, .init(index: 3)), actionOnly: false)
    ),
  ]

  @Test(arguments: Self.understood)
  func isUnderstood(
    method: KeysRequest.Method, query: String, body: String?, expected: KeysRequest
  ) throws {
    #expect(try self.parse(method, query: query, body: body) == expected)
  }

  @Test(arguments: [
    (
      KeysRequest.Method.put, "prevIndex=x", StoreError.Code.indexNotANumber,
      "invalid value for \"prevIndex\""
    ),
    (.get, "waitIndex=", .indexNotANumber, "invalid value for \"waitIndex\""),
    (.get, "recursive", .invalidField, "invalid value for \"recursive\""),
    (.put, "wait=true", .invalidField, "\"wait\" can only be used with GET requests"),
    (.head, "wait=true", .invalidField, "\"wait\" can only be used with GET requests"),
    (.put, "prevValue=", .previousValueRequired, "\"prevValue\" cannot be empty"),
    (.put, "ttl=1.5", .ttlNotANumber, "invalid value for \"ttl\""),
    (.put, "ttl=-1", .ttlNotANumber, "invalid value for \"ttl\""),
    (.put, "prevExist=maybe", .invalidField, "invalid value for prevExist"),
    (.put, "refresh=true", .ttlRequiredOnRefresh, "No TTL value set"),
    (.put, "refresh=true&ttl=1&value=x", .valueOnRefresh, "A value was provided on a refresh"),
    (.put, "a=%zz", .invalidForm, "invalid URL escape \"%zz\""),
    (.put, "a;b=1", .invalidForm, "invalid semicolon separator in query"),
  ])
  func isRefused(
    method: KeysRequest.Method, query: String, code: StoreError.Code, cause: String
  ) {
    #expect(throws: StoreError(code, cause: cause)) { try self.parse(method, query: query) }
  }

  @Test(arguments: [
    ("", "", nil), ("text/plain", "text/plain", nil), (";", "", "mime: no media type"),
    ("Application/X; a=b", "application/x", nil), ("a/b;", "a/b", nil),
    ("a/b; charset", "a/b", "mime: invalid media parameter"),
  ])
  func readsAMediaType(text: String, name: String, problem: String?) {
    let type = MediaType(text)
    #expect(type.name == name)
    #expect(type.problem == problem)
  }
}
