import AsyncHTTPClient
import EtcdClient
import HTTPEndpoint
import KubernetesClient
import TestSupport
import Testing

@testable import FakeAPIServer

/// Killed servers and a missing store: every acknowledged write survives.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct APIServerCrashTests {

  private static func arguments(_ client: EtcdClient) -> [String] {
    ["--etcd-servers=\(client.endpoints[0].url)", "--insecure-port=-1"]
  }

  @Test func whatAServerAcknowledgedOutlivesIt() async throws {
    try await withServers { servers, client in
      let made = LockedValue<Set<String>>([])
      let status = try await Programs.run("fake-apiserver", Self.arguments(client)) { url, kill in
        await withTaskGroup { group in
          for writer in 0..<4 {
            group.addTask {
              for number in 0... {
                let name = "p\(writer)-\(number)"
                guard
                  let answer = try? await Caller(url: url).call(
                    "POST", Caller.pods, Caller.pod(name)), answer.code == 201
                else { return }
                let count = made.withLock { names in
                  names.insert(name)
                  return names.count
                }
                if count == 60 { return kill() }
              }
            }
          }
          // The other servers would wait long for it.
          await group.next()
          group.cancelAll()
        }
      }
      #expect(status == .signaled(9))
      let names = made.value
      #expect(names.count >= 60)
      let list = try await servers[0].call("GET", Caller.pods).body
      let stored = list["items"]?.elements.compactMap { $0["metadata"]?["name"]?.string } ?? []
      #expect(names.isSubset(of: stored))
      // Besides these, at most the writes in flight exist.
      #expect(stored.count <= names.count + 4)
    }
  }

  @Test func withoutAStoreNothingIsServed() async throws {
    let endpoint = EtcdEndpoint.refusing
    try await Programs.run(
      "fake-apiserver", ["--etcd-servers=\(endpoint.url)", "--insecure-port=-1"]
    ) { url in
      let server = Caller(url: url)
      for (method, path, body) in [
        ("GET", Caller.pods, nil), ("GET", "\(Caller.pods)/a", nil),
        ("DELETE", "\(Caller.pods)/a", nil),
        ("POST", "/api/v1/nodes", #"{"metadata":{"name":"m1"}}"#),
        ("GET", "\(Caller.pods)?watch=true&resourceVersion=7", nil),
      ] as [(String, String, String?)] {
        let answer = try await server.call(method, path, body)
        #expect(answer.code == 503, "\(method) \(path)")
        #expect(answer.body["reason"] == "ServiceUnavailable")
        #expect(answer.body["details"]?["retryAfterSeconds"] == 1)
      }
      #expect(try await server.call("GET", "/healthz").code == 500)
      #expect(try await server.call("GET", "/healthz/ping").body == "ok")
      #expect(try await server.call("GET", "/version").code == 200)
    }
  }

  @Test func anEventIsKeptForItsTime() async throws {
    var configuration = FakeAPIServerConfiguration()
    configuration.eventTTL = .seconds(1)
    try await withServers(1, configuration) { servers, _ in
      let path = "/api/v1/namespaces/default/events"
      let body = #"{"metadata":{"name":"e"},"reason":"Started","involvedObject":{"kind":"Pod"}}"#
      let made = try await servers[0].call("POST", path, body).body
      let version = made["metadata"]?["resourceVersion"]?.string ?? ""
      let last = try await servers[0].watch("\(path)?watch=true&resourceVersion=\(version)") {
        for try await event in $0 { return event }
        return .null
      }
      #expect(last["type"] == "DELETED" && last["object"]?["reason"] == "Started")
      #expect(try await servers[0].call("GET", "\(path)/e").code == 404)
    }
  }
}
