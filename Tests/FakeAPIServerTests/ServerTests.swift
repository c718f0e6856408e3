import KVStore
import KubernetesClient
import KubernetesObjects
import TestSupport
import Testing

@testable import FakeAPIServer

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct ServerTests {
  private static let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"

  @Test func theRecipesCurlMakesANamespace() async throws {
    try await withServers { servers, _ in
      let body = #"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system"}}"#
      // curl -d names this type.
      let made = try await servers[0].call(
        "POST", "/api/v1/namespaces", body, type: "application/x-www-form-urlencoded")
      #expect(made.code == 201 && made.body["status"] == ["phase": "Active"])
      let again = try await servers[0].call("POST", "/api/v1/namespaces", body)
      #expect(again.code == 409)
      #expect(again.body["reason"] == "AlreadyExists")
      #expect(again.body["message"] == #"namespaces "kube-system" already exists"#)
    }
  }

  @Test func aStaleVersionIsAConflictOnEveryServer() async throws {
    try await withServers(2) { servers, _ in
      let made = try await servers[0].call("POST", Caller.pods, Caller.pod("a"))
      #expect(made.code == 201)
      var first = made.body
      first["metadata"]?["labels"] = ["by": "one"]
      var second = made.body
      second["metadata"]?["labels"] = ["by": "two"]
      let won = try await servers[0].call("PUT", "\(Caller.pods)/a", "\(first)")
      #expect(won.code == 200)
      #expect(won.body["metadata"]?["resourceVersion"] != made.body["metadata"]?["resourceVersion"])
      let lost = try await servers[1].call("PUT", "\(Caller.pods)/a", "\(second)")
      #expect(lost.code == 409 && lost.body["reason"] == "Conflict")
      let stored = try await servers[1].call("GET", "\(Caller.pods)/a")
      #expect(stored.body == won.body)
    }
  }

  /// etcd takes `..` in a key for a step up.
  @Test func aNameIsOneStepOfAKey() async throws {
    try await withServers { servers, client in
      let server = servers[0]
      _ = try await server.call("POST", Caller.pods, Caller.pod("a"))
      for (method, path, body) in [
        ("GET", "/api/v1/namespaces/%2E%2E/pods", nil), ("GET", "/api/v1/namespaces/./pods", nil),
        ("GET", "/api/v1/namespaces/default/pods/%2e%2e", nil), ("GET", "/api/v1/nodes/..", nil),
        ("DELETE", "/api/v1/namespaces/%2e%2e", nil), ("DELETE", "/api/v1/nodes/.", nil),
        ("DELETE", "/api/v1/namespaces/%2e%2e/pods", nil),
        ("POST", "/api/v1/namespaces/%2e%2e/pods", Caller.pod("b")),
        ("PUT", "/api/v1/namespaces/default/events/..", #"{"metadata":{"name":".."}}"#),
        ("GET", "/api/v1/namespaces/default/pods/a%0ab", nil),
      ] as [(String, String, String?)] {
        let answer = try await server.call(method, path, body)
        #expect(answer.code == 400 && answer.body["reason"] == "BadRequest", "\(method) \(path)")
        #expect(answer.body["message"]?.string?.contains("parameter invalid") == true)
      }
      #expect(try await client.get("/registry/pods/default/a").node.value != nil)
    }
  }

  @Test(
    arguments: [
      ("GET", "/api/v1/namespaces/default/pods/none", nil, "application/json", 404, "NotFound"),
      (
        "POST", "/api/v1/namespaces/none/pods", Caller.pod("a"), "application/json", 404, "NotFound"
      ),
      ("POST", Caller.pods, "{", "application/json", 400, "BadRequest"),
      ("POST", Caller.pods, "x", "text/html", 415, "UnsupportedMediaType"),
      ("POST", Caller.pods, #"{"metadata":{"name":"A"}}"#, "application/json", 422, "Invalid"),
      (
        "PATCH", "\(Caller.pods)/a", "{}", "application/apply-patch+yaml", 415,
        "UnsupportedMediaType"
      ),
      ("PATCH", "\(Caller.pods)/a", "{}", "application/merge-patch+json", 404, "NotFound"),
      ("GET", "\(Caller.pods)?fieldSelector=spec.image%3Dx", nil, "", 400, "BadRequest"),
      ("GET", "\(Caller.pods)?limit=x", nil, "", 400, "BadRequest"),
      ("POST", "\(Caller.pods)/a", "{}", "application/json", 405, "MethodNotAllowed"),
      ("DELETE", "/api/v1/namespaces/default", nil, "", 403, "Forbidden"),
      ("PUT", "\(leases)/l", #"{"metadata":{"name":"m"}}"#, "application/json", 400, "BadRequest"),
    ] as [(String, String, String?, String, Int, String)])
  func aRefusalIsAStatus(
    method: String, path: String, body: String?, type: String, code: Int, reason: String
  ) async throws {
    try await withServers { servers, _ in
      let answer = try await servers[0].call(method, path, body, type: type)
      #expect(answer.code == code)
      #expect(answer.body["kind"] == "Status" && answer.body["status"] == "Failure")
      #expect(answer.body["reason"] == .string(reason))
      #expect(answer.body["code"] == .integer(Int64(code)))
    }
  }

  @Test func aWatchGoesOnFromAListOnAnyServer() async throws {
    try await withServers(2) { servers, _ in
      _ = try await servers[0].call("POST", Caller.pods, Caller.pod("a"))
      let list = try await servers[0].call("GET", Caller.pods)
      let version = try #require(list.body["metadata"]?["resourceVersion"]?.string)
      _ = try await servers[0].call("POST", Caller.pods, Caller.pod("b"))
      _ = try await servers[1].call("DELETE", "\(Caller.pods)/a")
      for server in servers {
        let seen = try await server.watch("\(Caller.pods)?watch=true&resourceVersion=\(version)") {
          events in
          var seen: [String] = []
          for try await event in events {
            seen.append(Self.text(of: event))
            if seen.count == 2 { break }
          }
          return seen
        }
        #expect(seen == ["ADDED b", "DELETED a"])
      }
    }
  }

  @Test func aWatchWithASelectorSeesWhatComesAndGoes() async throws {
    try await withServer { server in
      _ = try await server.call("POST", Caller.pods, Caller.pod("a", labels: #"{"app":"x"}"#))
      let path = "\(Caller.pods)?watch=true&labelSelector=app%3Dx"
      let seen = try await server.watch(path) { events in
        var seen: [String] = []
        for try await event in events {
          seen.append(Self.text(of: event))
          switch seen.count {
          case 1:
            _ = try await server.call("POST", Caller.pods, Caller.pod("b", labels: #"{"app":"y"}"#))
            for (name, value) in [("b", "x"), ("a", "y")] {
              _ = try await server.call(
                "PATCH", "\(Caller.pods)/\(name)", #"{"metadata":{"labels":{"app":"\#(value)"}}}"#,
                type: "application/merge-patch+json")
            }
          case 3: return seen
          default: break
          }
        }
        return seen
      }
      #expect(seen == ["ADDED a", "ADDED b", "DELETED a"])
    }
  }

  private static func text(of event: JSONValue) -> String {
    "\(event["type"]?.string ?? "") \(event["object"]?.metadata.name ?? "")"
  }

  @Test func aVersionThatIsForgottenIsGone() async throws {
    try await withServers { servers, client in
      let list = try await servers[0].call("GET", Caller.pods)
      let version = try #require(list.body["metadata"]?["resourceVersion"]?.string)
      // More changes than a starting server reads.
      for number in 0..<1_100 { try await client.put("noise", value: "\(number)") }
      try await withServers(on: client.endpoints[0].url) { servers, _ in
        let path = "\(Caller.pods)?watch=true&resourceVersion=\(version)"
        // Before its first read of the store it has no index.
        try await eventually("it can tell") {
          try await Self.first(servers[0], path)["code"] == nil
        }
        let event = try await Self.first(servers[0], path)
        #expect(event["type"] == "ERROR")
        #expect(event["object"]?["code"] == 410 && event["object"]?["reason"] == "Expired")
      }
    }
  }

  private static func first(_ server: Caller, _ path: String) async throws -> JSONValue {
    try await server.watch(path) { events in
      for try await event in events { return event }
      return .null
    }
  }

  @Test func aWatchOfAStoreThatWasReplacedIsOver() async throws {
    let former = try await KVStoreServer.start(.memory)
    let url = former.urls[0]
    let successor = LockedValue<KVStoreServer?>(nil)
    try await withServers(on: url) { servers, _ in
      let server = servers[0]
      _ = try await server.call("POST", Caller.pods, Caller.pod("a"))
      let last = try await server.watch("\(Caller.pods)?watch=true") { events in
        var last = JSONValue.null
        for try await event in events {
          // A later change shows that the feed has seen it.
          if event["type"] == "ADDED", event["object"]?["metadata"]?["name"] == "a" {
            _ = try await server.call("POST", Caller.pods, Caller.pod("b"))
          } else if event["type"] == "ADDED" {
            await former.stop()
            let store = try await KVStoreServer.start(.memory, listenURLs: [url])
            successor.withLock { $0 = store }
          }
          last = event
        }
        return last
      }
      #expect(last["type"] == "ERROR" && last["object"]?["code"] == 410)
    }
    await successor.value?.stop()
  }

  @Test func aBodyMayBeYAML() async throws {
    try await withServers { servers, _ in
      let body = """
        apiVersion: v1
        kind: Pod
        metadata: {generateName: web-, labels: {app: web}}
        spec:
          containers:
          - {name: c, image: "i:1"}
        """
      let made = try await servers[0].call("POST", Caller.pods, body, type: "application/yaml")
      #expect(made.code == 201)
      #expect(made.body["metadata"]?["name"]?.string?.hasPrefix("web-") == true)
      #expect(made.body["metadata"]?["namespace"] == "default")
      #expect(made.body["metadata"]?["labels"] == ["app": "web"])
    }
  }

  @Test func aSelectionIsDeletedAtOnce() async throws {
    try await withServer { server in
      for (name, app) in [("a", "x"), ("b", "y"), ("c", "x")] {
        _ = try await server.call(
          "POST", Caller.pods, Caller.pod(name, labels: #"{"app":"\#(app)"}"#))
      }
      let deleted = try await server.call("DELETE", "\(Caller.pods)?labelSelector=app%20in%20(x,z)")
      #expect(deleted.code == 200 && deleted.body["items"]?.elements.count == 2)
      let rest = try await server.call("GET", Caller.pods)
      #expect(
        rest.body["items"]?.elements.map { $0["metadata"]?["name"]?.string } == ["b"])
    }
  }

  @Test func aListIsTakenPieceByPiece() async throws {
    try await withServers { servers, _ in
      for number in 0..<5 {
        _ = try await servers[0].call("POST", Caller.pods, Caller.pod("p\(number)"))
      }
      var names: [String] = []
      var next = ""
      repeat {
        let part = try await servers[0].call("GET", "\(Caller.pods)?limit=2&continue=\(next)").body
        names += part["items"]?.elements.compactMap { $0["metadata"]?["name"]?.string } ?? []
        next = (part["metadata"]?["continue"]?.string ?? "").replacing("=", with: "%3D")
          .replacing("+", with: "%2B")
      } while !next.isEmpty
      #expect(names == (0..<5).map { "p\($0)" })
    }
  }

  @Test func whatNobodyCanReadIsNotAcceptable() async throws {
    try await withServers { servers, _ in
      let answer = try await servers[0].call("GET", Caller.pods, accept: "text/html")
      #expect(answer.code == 406 && answer.body["reason"] == "NotAcceptable")
    }
  }

  @Test func aPodOnANodeEndsInTwoSteps() async throws {
    try await withServer { server in
      _ = try await server.call("POST", Caller.pods, Caller.pod("a"))
      let bound = try await server.call(
        "POST", "\(Caller.pods)/a/binding", #"{"target":{"kind":"Node","name":"m1"}}"#)
      #expect(bound.code == 201)
      let marked = try await server.call("DELETE", "\(Caller.pods)/a")
      #expect(marked.code == 200 && marked.body["metadata"]?["deletionTimestamp"] != nil)
      #expect(try await server.call("GET", "\(Caller.pods)/a").code == 200)
      let other = try await server.call(
        "DELETE", "\(Caller.pods)/a", #"{"gracePeriodSeconds":0,"preconditions":{"uid":"x"}}"#)
      #expect(other.code == 409)
      #expect(
        try await server.call("DELETE", "\(Caller.pods)/a", #"{"gracePeriodSeconds":0}"#).code
          == 200)
      #expect(try await server.call("GET", "\(Caller.pods)/a").code == 404)
    }
  }

  @Test func aNamespaceGoesWithAllThatIsInIt() async throws {
    try await withServer { server in
      _ = try await server.call("POST", "/api/v1/namespaces", #"{"metadata":{"name":"n"}}"#)
      for name in ["a", "b"] {
        _ = try await server.call("POST", "/api/v1/namespaces/n/pods", Caller.pod(name))
      }
      #expect(try await server.call("DELETE", "/api/v1/namespaces/n").code == 200)
      #expect(try await server.call("GET", "/api/v1/pods").body["items"] == [])
      #expect(try await server.call("GET", "/api/v1/namespaces/n").code == 404)
    }
  }

  @Test func aNodeWithoutASignOfLifeIsShownAsUnknown() async throws {
    try await withServer { server in
      let node =
        #"{"metadata":{"name":"m1"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#
      _ = try await server.call("POST", "/api/v1/nodes", node)
      func ready() async throws -> JSONValue? {
        try await server.call("GET", "/api/v1/nodes/m1").body["status"]?["conditions"]?.elements
          .first?["status"]
      }
      #expect(try await ready() == "True")
      let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
      _ = try await server.call(
        "POST", leases,
        #"{"metadata":{"name":"m1"},"spec":{"holderIdentity":"m1","renewTime":"2020-01-01T00:00:00.000000Z"}}"#
      )
      #expect(try await ready() == "Unknown")
    }
  }
}
