import Testing

@testable import EtcdClient

@Suite struct KeysRequestTests {
  @Test(arguments: [
    ("scheduler", "/scheduler"), ("/scheduler", "/scheduler"), ("/a/b/", "/a/b"), ("", ""),
    ("//a//b", "/a/b"), ("a b/ü?#%+&", "/a%20b/%C3%BC%3F%23%25%2B%26"),
  ]) func escapesAKey(_ key: String, _ path: String) {
    #expect(KeysRequest.path(key) == path)
  }

  @Test func putsConditionsIntoTheQueryAndValuesIntoTheBody() {
    let request = KeysRequest(
      .put, key: "k", query: [("prevExist", "false"), ("prevIndex", nil)],
      form: [("value", "a&b=c d+\n"), ("ttl", "30")])
    #expect(request.target == "/v2/keys/k?prevExist=false")
    #expect(request.body == "value=a%26b%3Dc%20d%2B%0A&ttl=30")
  }

  @Test func aRequestWithoutConditionsHasNoQuery() {
    let request = KeysRequest(.get, key: "k", query: [("quorum", nil)])
    #expect(request.target == "/v2/keys/k")
    #expect(request.body == nil)
  }
}
