import EtcdClient
import Testing

@Suite struct EtcdEndpointTests {
  @Test(arguments: [
    ("http://a:2379,http://b:2379", ["http://a:2379", "http://b:2379"]),
    ("127.0.0.1:4001", ["http://127.0.0.1:4001"]),
    (" http://a:1/ , b:2 ,", ["http://a:1", "http://b:2"]),
    ("http://[::1]:2379", ["http://[::1]:2379"]),
  ]) func readsAList(_ text: String, _ urls: [String]) throws {
    #expect(try EtcdEndpoint.list(text).map(\.url) == urls)
  }

  @Test(arguments: ["", ",", "http://", "http://a", "a:0x1", "a:70000", "http://a:1/path", ":1"])
  func refusesWhatIsNoEndpoint(_ text: String) {
    let error = #expect(throws: EtcdEndpointError.self) { try EtcdEndpoint.list(text) }
    #expect(error == .malformed(text))
  }

  @Test func saysThatTLSIsNotThere() {
    let error = #expect(throws: EtcdEndpointError.self) { try EtcdEndpoint("https://a:2379") }
    #expect("\(error, default: "")".hasPrefix("\"https://a:2379\" has the scheme https"))
  }
}
