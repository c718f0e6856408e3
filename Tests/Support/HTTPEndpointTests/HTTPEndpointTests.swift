import Testing

@testable import HTTPEndpoint

@Suite struct HTTPEndpointTests {
  @Test(arguments: [
    ("http://a:2379,http://b:2379", ["http://a:2379", "http://b:2379"]),
    ("127.0.0.1:4001", ["http://127.0.0.1:4001"]),
    (" http://a:1/ , b:2 ,", ["http://a:1", "http://b:2"]),
    ("http://[::1]:2379", ["http://[::1]:2379"]),
  ]) func readsAList(_ text: String, _ urls: [String]) throws {
    #expect(try HTTPEndpoint.list(text).map(\.url) == urls)
  }

  @Test(arguments: ["", ",", "http://", "http://a", "a:0x1", "a:70000", "http://a:1/path", ":1"])
  func refusesWhatIsNoEndpoint(_ text: String) {
    let error = #expect(throws: HTTPEndpointError.self) { try HTTPEndpoint.list(text) }
    #expect(error == .malformed(text))
  }

  @Test func refusesOtherSchemes() {
    let error = #expect(throws: HTTPEndpointError.self) { try HTTPEndpoint("unix://a:2379") }
    #expect("\(error, default: "")".hasPrefix("\"unix://a:2379\" has the scheme unix"))
  }

  @Test(arguments: [
    ("https://etcd.example:2379", "etcd.example", true), ("http://127.0.0.1:1", "127.0.0.1", false),
    ("https://[::1]:2379", "::1", true),
  ]) func knowsItsHost(_ text: String, _ host: String, _ isTLS: Bool) throws {
    let endpoint = try HTTPEndpoint(text)
    #expect(endpoint.host == host)
    #expect(endpoint.isTLS == isTLS)
  }
}
