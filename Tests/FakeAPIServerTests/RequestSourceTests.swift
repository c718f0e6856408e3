import AsyncHTTPClient
import EtcdClient
import KubernetesObjects
import NIOCore
import TestSupport
import Testing

@testable import FakeAPIServer

/// Who makes the server do something, and where it asks for him.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct RequestSourceTests {
  @Test(
    arguments: [
      (["Origin": "http://evil.example"], 403), (["Sec-Fetch-Site": "cross-site"], 403),
      (["Host": "evil.example"], 421),
      (
        ["Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"],
        421
      ),
    ] as [([String: String], Int)])
  func aForeignPageMakesNoPod(headers: [String: String], code: Int) async throws {
    try await withServer { server in
      var request = HTTPClientRequest(url: server.url + Caller.pods)
      request.method = .POST
      // What a page can send without asking the server first.
      request.headers.add(name: "Content-Type", value: "text/plain")
      for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
      request.body = .bytes(ByteBuffer(string: Caller.pod("a")))
      let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
      #expect(Int(answer.status.code) == code)
      #expect(try await server.call("GET", Caller.pods).body["items"] == [])
    }
  }

  // MARK: Kubelets

  @Test(arguments: [
    ("10.0.0.1", true, true), ("192.168.1.2", true, true), ("2001:db8::1", true, true),
    ("127.0.0.1", false, true), ("127.255.0.9", false, true), ("::1", false, true),
    ("169.254.169.254", false, true), ("fe80::1", false, true), ("::ffff:127.0.0.1", false, true),
    ("64:ff9b::7f00:1", false, true), ("0.0.0.0", false, false), ("::", false, false),
    ("::ffff:0.0.0.0", false, false), ("224.0.0.1", false, false),
    ("255.255.255.255", false, false),
    ("ff02::1", false, false), ("::ffff:10.0.0.1", true, true), ("localhost", false, false),
    ("", false, false),
  ])
  func anAddressIsAllowed(address: String, usually: Bool, onOneMachine: Bool) {
    #expect(KubeletAddress().allows(address) == usually)
    #expect(KubeletAddress(allowsLocal: true).allows(address) == onOneMachine)
  }

  private static func node(_ address: String, port: Int) -> String {
    #"{"metadata":{"name":"m1"},"status":{"addresses":[{"type":"InternalIP","address":"\#(address)"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":\#(port)}}}}"#
  }

  @Test(arguments: ["127.0.0.1", "localhost", "0.0.0.0", "::1"])
  func aNodeDoesNotMakeTheServerReadItsOwnStore(address: String) async throws {
    try await withServers { servers, client in
      let port = try #require(
        client.endpoints[0].url.split(separator: ":").last.flatMap { Int($0) })
      let made = try await servers[0].call("POST", "/api/v1/nodes", Self.node(address, port: port))
      #expect(made.code == 201)
      let answer = try await servers[0].call("GET", "/api/v1/nodes/m1/proxy/v2/keys/registry")
      #expect(answer.code == 400)
      #expect(answer.body["message"]?.string?.contains("address not allowed") == true)
    }
  }

  /// A pod names an address, too.
  @Test func aPodDoesNotMakeTheServerAskThisMachine() async throws {
    try await withServers { servers, client in
      var pod = try json(Caller.pod("a"))
      pod["spec"]?["nodeName"] = "m1"
      _ = try await servers[0].call("POST", Caller.pods, "\(pod)")
      pod["status"] = ["hostIP": "127.0.0.1"]
      _ = try await servers[0].call(
        "PATCH", "\(Caller.pods)/a/status", #"{"status":{"hostIP":"127.0.0.1"}}"#,
        type: "application/merge-patch+json")
      let answer = try await servers[0].call("GET", "\(Caller.pods)/a/log")
      #expect(answer.code == 400)
      #expect(answer.body["message"]?.string?.contains("address not allowed") == true)
    }
  }

  @Test func aRedirectOfAKubeletIsNotFollowed() async throws {
    try await ScriptedServer.with({ request in
      request.target == "/secret"
        ? .answer(200, [:], "secret") : .answer(302, ["Location": "/secret"], "")
    }) { kubelet in
      var configuration = FakeAPIServerConfiguration()
      configuration.kubeletURLs = ["m1": kubelet.url]
      try await withServers(1, configuration) { servers, _ in
        _ = try await servers[0].call("POST", "/api/v1/nodes", #"{"metadata":{"name":"m1"}}"#)
        let answer = try await servers[0].call("GET", "/api/v1/nodes/m1/proxy/pods")
        #expect(answer.code == 500)
        #expect(answer.body["message"]?.string?.contains("redirects") == true)
      }
      #expect(kubelet.requests.map(\.target) == ["/pods"])
    }
  }

  // MARK: Queries

  /// As kubectl writes them: a plus is a blank.
  @Test func aSelectorWithBlanksSelects() async throws {
    try await withServer { server in
      for (name, app) in [("a", "web"), ("b", "db"), ("c", "other")] {
        _ = try await server.call(
          "POST", Caller.pods, Caller.pod(name, labels: #"{"app":"\#(app)"}"#))
      }
      let list = try await server.call(
        "GET", "\(Caller.pods)?labelSelector=app+in+%28web%2Cdb%29&limit=500")
      #expect(list.code == 200)
      #expect(list.body["items"]?.elements.map(\.metadata.name) == ["a", "b"])
    }
  }
}
