import HTTPEndpoint
import Testing

@Suite struct BrowserPolicyTests {
  private typealias Request = BrowserPolicy.Request

  private static let loopback = BrowserPolicy.Listener(isLoopback: true, isTLS: false)
  private static let policy = BrowserPolicy(
    origins: .listed(["https://a.example"]), hosts: .listedOnLoopback(["node1", "api.example"]),
    originsFlag: "--cors", hostsFlag: "--host-whitelist")

  private static func write(
    _ method: String = "PUT", host: String? = "127.0.0.1:2379", origin: String? = nil,
    site: String? = nil, isUpgrade: Bool = false
  ) -> Request {
    Request(method: method, host: host, origin: origin, fetchSite: site, isUpgrade: isUpgrade)
  }

  // MARK: The page

  /// curl, etcdctl, kubectl and client libraries send neither header; the server's own pages send their own.
  @Test(arguments: [
    write(), write("POST"), write("DELETE"), write("PATCH"),
    write(site: "none"), write(site: "same-origin"),
    write(origin: "http://127.0.0.1:2379"),
    write(origin: "http://127.0.0.1:2379", site: "same-origin"),
    write(host: "LocalHost:2379", origin: "http://localhost:2379"),
    write(host: "localhost", origin: "http://localhost"),
    write(host: "localhost:80", origin: "http://localhost"),
    // A proxy speaks TLS for the server.
    write(host: "node1", origin: "https://node1"),
    write(host: "[::1]:2379", origin: "http://[::1]:2379"),
    write(origin: "https://a.example"), write(origin: "https://a.example", site: "cross-site"),
    // The browser keeps the answers from the page.
    write("GET", origin: "http://evil.example", site: "cross-site"),
    write("HEAD", origin: "http://evil.example", site: "cross-site"),
    write("OPTIONS", origin: "http://evil.example", site: "cross-site"),
    write("GET", isUpgrade: true), write("GET", origin: "http://127.0.0.1:2379", isUpgrade: true),
  ])
  private func serves(_ request: Request) {
    #expect(Self.policy.refusal(of: request, on: Self.loopback) == nil)
  }

  @Test(arguments: [
    write(origin: "http://evil.example"), write("POST", origin: "null"), write(origin: ""),
    write(origin: "http://127.0.0.1:8080"), write(origin: "http://127.0.0.1"),
    write(origin: "https://a.example:8443"), write(origin: "HTTPS://A.EXAMPLE"),
    write(site: "cross-site"), write(site: "same-site"), write(site: "anything"), write(site: ""),
    write(origin: "http://127.0.0.1:2379", site: "cross-site"),
    write(origin: "http://evil.example", site: "none"),
    write(origin: "http://evil.example", site: "same-origin"),
    write("post", origin: "http://evil.example"), write("FOO", origin: "http://evil.example"),
    write("GET", origin: "http://evil.example", isUpgrade: true),
    write(host: nil, origin: "http://127.0.0.1:2379"),
    write(origin: "chrome-extension://abc"), write(origin: "127.0.0.1:2379"),
  ])
  private func refusesAWriteForAForeignPage(_ request: Request) throws {
    for listener in [
      Self.loopback, .init(isLoopback: false, isTLS: false), .init(isLoopback: false, isTLS: true),
    ] {
      let refusal = try #require(Self.policy.refusal(of: request, on: listener))
      #expect(refusal.status == 403)
      #expect(refusal.description.contains("--cors"))
    }
    var open = Self.policy
    open.origins = .any
    #expect(open.refusal(of: request, on: Self.loopback) == nil)
  }

  // MARK: The host

  @Test(arguments: [
    nil, "", "127.0.0.1", "127.0.0.1:2379", "10.0.0.5:2379", "[::1]:2379", "[fe80::1%25eth0]:80",
    "::1", "localhost", "LOCALHOST:1", "localhost.", "a.localhost:2379", "node1:2379", "NODE1",
    "node1.:2379", "api.example:2379", "127.0.0.1:",
  ])
  func servesItsOwnNames(host: String?) {
    #expect(Self.policy.refusal(of: Self.write(host: host), on: Self.loopback) == nil)
  }

  @Test(arguments: [
    "evil.example", "evil.example:2379", "127.0.0.1.evil.example", "localhost.evil.example",
    "evillocalhost", "node1.evil.example", "127.1", "0x7f000001", "a:b:c", "[localhost",
    "xnode1", "localhost..",
  ])
  func refusesANameThatItDoesNotHave(host: String) throws {
    let request = Self.write("GET", host: host)
    let refusal = try #require(Self.policy.refusal(of: request, on: Self.loopback))
    #expect(refusal.status == 421)
    #expect(refusal.description.contains("\"\(host)\""))
    #expect(refusal.description.contains("--host-whitelist"))

    // A certificate has the server's name, and elsewhere the check is opt-in.
    let network = BrowserPolicy.Listener(isLoopback: false, isTLS: false)
    for listener in [.init(isLoopback: true, isTLS: true), network] {
      #expect(Self.policy.refusal(of: request, on: listener) == nil)
    }
    let strict = BrowserPolicy(hosts: .listed(["node1"]))
    #expect(strict.refusal(of: request, on: network)?.status == 421)
    #expect(strict.refusal(of: request, on: .init(isLoopback: false, isTLS: true)) == nil)
    #expect(BrowserPolicy(hosts: .any).refusal(of: request, on: Self.loopback) == nil)
  }

  /// With rebinding the page's origin is the request's host.
  @Test func aNameThatLeadsElsewhereLaterIsRefusedThoughNothingIsForeign() {
    let request = Self.write(
      host: "evil.example:2379", origin: "http://evil.example:2379", site: "same-origin")
    #expect(Self.policy.refusal(of: request, on: Self.loopback)?.status == 421)
  }

  @Test(arguments: [
    ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true),
    ("0.0.0.0", false), ("::", false), ("10.0.0.1", false), ("fe80::1", false),
    ("128.0.0.1", false),
    ("::ffff:10.0.0.1", false), ("localhost", false), ("", false), ("::2", false),
  ])
  func knowsLoopback(address: String, isLoopback: Bool) {
    #expect(BrowserPolicy.Listener(address: address, isTLS: false).isLoopback == isLoopback)
  }

  @Test func aMachineHasItsNameInFullAndInShort() {
    #expect(BrowserPolicy.names(ofMachine: "Node1.Example") == ["node1.example", "node1"])
    #expect(BrowserPolicy.names(ofMachine: "node1") == ["node1"])
    #expect(BrowserPolicy.names(ofMachine: "") == [])
    #expect(!BrowserPolicy.hostname.isEmpty)
  }

  /// However long a header is.
  @Test func theTextIsShort() throws {
    let long = String(repeating: "x", count: 4000)
    for request in [Self.write(host: long), Self.write(origin: long), Self.write(site: long)] {
      let refusal = try #require(Self.policy.refusal(of: request, on: Self.loopback))
      #expect(refusal.description.utf8.count < 160)
    }
  }
}
