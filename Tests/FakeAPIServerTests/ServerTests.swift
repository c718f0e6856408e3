import APIServerClient
import AsyncHTTPClient
import EtcdClient
import Foundation
import KVStore
import Logging
import NIOCore
import Testing

@testable import FakeAPIServer

/// Someone who asks a server.
struct Caller: Sendable {
  let url: String

  func call(
    _ method: String, _ path: String, _ body: String? = nil,
    type: String = "application/json", accept: String = "application/json"
  ) async throws -> (code: Int, body: JSONValue) {
    var request = HTTPClientRequest(url: self.url + path)
    request.method = .init(rawValue: method)
    request.headers.add(name: "accept", value: accept)
    if let body {
      request.headers.add(name: "content-type", value: type)
      request.body = .bytes(ByteBuffer(string: body))
    }
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
    let text = try await response.body.collect(upTo: 64 << 20)
    let value = try? JSONDecoder().decode(JSONValue.self, from: Data(text.readableBytesView))
    return (Int(response.status.code), value ?? .string(String(buffer: text)))
  }

  /// The events of a watch, as they come, until the body has seen enough.
  func watch<Value: Sendable>(
    _ path: String, _ body: (AsyncThrowingStream<JSONValue, any Error>) async throws -> Value
  ) async throws -> Value {
    let response = try await HTTPClient.shared.execute(
      HTTPClientRequest(url: self.url + path), timeout: .seconds(120))
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: JSONValue.self)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        do {
          var rest: [UInt8] = []
          for try await part in response.body {
            rest += part.readableBytesView
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
              continuation.yield(
                try JSONDecoder().decode(JSONValue.self, from: Data(rest[..<end])))
              rest.removeFirst(end + 1)
            }
          }
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      defer { group.cancelAll() }
      return try await body(stream)
    }
  }
}

/// Runs the body with some servers on one store.
func withServers(
  _ count: Int = 1, _ configuration: FakeAPIServerConfiguration = .init(),
  _ body: @escaping @Sendable ([Caller], EtcdClient) async throws -> Void
) async throws {
  let store = try await KVStoreServer.start(.memory)
  let result: Result<Void, any Error>
  do {
    let endpoint = try EtcdEndpoint(store.urls[0])
    try await EtcdClient(endpoints: [endpoint], timeout: .seconds(60)).run { client in
      let (started, announcement) = AsyncStream.makeStream(of: String.self)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<count {
          group.addTask {
            var configuration = configuration
            configuration.port = 0
            try await FakeAPIServer(
              configuration: configuration, client: client,
              logger: Logger(label: "api") { _ in SwiftLogNoOpLogHandler() }
            ) { announcement.yield($0.insecure ?? "") }.run()
          }
        }
        defer { group.cancelAll() }
        var callers: [Caller] = []
        for await url in started {
          callers.append(Caller(url: url))
          if callers.count == count { break }
        }
        // The first namespaces are made beside it.
        let end = ContinuousClock.now + .seconds(120)
        while try await callers[0].call("GET", "/api/v1/namespaces/kube-node-lease").code != 200 {
          guard ContinuousClock.now < end else { throw CancellationError() }
          try await Task.sleep(for: .milliseconds(10))
        }
        try await body(callers, client)
      }
    }
    result = .success(())
  } catch {
    result = .failure(error)
  }
  await store.stop()
  try result.get()
}

@Suite(.timeLimit(.minutes(10))) struct ServerTests {
  private static let pods = "/api/v1/namespaces/default/pods"
  private static func pod(_ name: String, labels: String = "{}") -> String {
    #"{"metadata":{"name":"\#(name)","labels":\#(labels)},"spec":{"containers":[{"name":"c","image":"i:1"}]}}"#
  }

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
      let made = try await servers[0].call("POST", Self.pods, Self.pod("a"))
      #expect(made.code == 201)
      var first = made.body
      first["metadata"]?["labels"] = ["by": "one"]
      var second = made.body
      second["metadata"]?["labels"] = ["by": "two"]
      let won = try await servers[0].call("PUT", "\(Self.pods)/a", "\(first)")
      #expect(won.code == 200)
      #expect(won.body["metadata"]?["resourceVersion"] != made.body["metadata"]?["resourceVersion"])
      let lost = try await servers[1].call("PUT", "\(Self.pods)/a", "\(second)")
      #expect(lost.code == 409 && lost.body["reason"] == "Conflict")
      let stored = try await servers[1].call("GET", "\(Self.pods)/a")
      #expect(stored.body == won.body)
    }
  }

  @Test(
    arguments: [
      ("GET", "/api/v1/namespaces/default/pods/none", nil, "application/json", 404, "NotFound"),
      ("POST", "/api/v1/namespaces/none/pods", pod("a"), "application/json", 404, "NotFound"),
      ("POST", pods, "{", "application/json", 400, "BadRequest"),
      ("POST", pods, "x", "text/html", 415, "UnsupportedMediaType"),
      ("POST", pods, #"{"metadata":{"name":"A"}}"#, "application/json", 422, "Invalid"),
      ("PATCH", "\(pods)/a", "{}", "application/apply-patch+yaml", 415, "UnsupportedMediaType"),
      ("PATCH", "\(pods)/a", "{}", "application/merge-patch+json", 404, "NotFound"),
      ("GET", "\(pods)?fieldSelector=spec.image%3Dx", nil, "", 400, "BadRequest"),
      ("GET", "\(pods)?limit=x", nil, "", 400, "BadRequest"),
      ("POST", "\(pods)/a", "{}", "application/json", 405, "MethodNotAllowed"),
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
      _ = try await servers[0].call("POST", Self.pods, Self.pod("a"))
      let list = try await servers[0].call("GET", Self.pods)
      let version = try #require(list.body["metadata"]?["resourceVersion"]?.string)
      _ = try await servers[0].call("POST", Self.pods, Self.pod("b"))
      _ = try await servers[1].call("DELETE", "\(Self.pods)/a")
      for server in servers {
        let seen = try await server.watch("\(Self.pods)?watch=true&resourceVersion=\(version)") {
          events in
          var seen: [String] = []
          for try await event in events {
            seen.append(
              "\(event["type"]?.string ?? "") \(event["object"]?["metadata"]?["name"]?.string ?? "")"
            )
            if seen.count == 2 { break }
          }
          return seen
        }
        #expect(seen == ["ADDED b", "DELETED a"])
      }
    }
  }

  @Test func aWatchWithASelectorSeesWhatComesAndGoes() async throws {
    try await withServers { servers, _ in
      let server = servers[0]
      _ = try await server.call("POST", Self.pods, Self.pod("a", labels: #"{"app":"x"}"#))
      let path = "\(Self.pods)?watch=true&labelSelector=app%3Dx"
      let seen = try await server.watch(path) { events in
        var seen: [String] = []
        for try await event in events {
          seen.append(
            "\(event["type"]?.string ?? "") \(event["object"]?["metadata"]?["name"]?.string ?? "")")
          switch seen.count {
          case 1:
            _ = try await server.call("POST", Self.pods, Self.pod("b", labels: #"{"app":"y"}"#))
            for (name, value) in [("b", "x"), ("a", "y")] {
              _ = try await server.call(
                "PATCH", "\(Self.pods)/\(name)", #"{"metadata":{"labels":{"app":"\#(value)"}}}"#,
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

  @Test func aVersionThatIsForgottenIsGone() async throws {
    try await withServers { servers, client in
      let list = try await servers[0].call("GET", Self.pods)
      let version = try #require(list.body["metadata"]?["resourceVersion"]?.string)
      // More than a server that starts takes up.
      for number in 0..<1_100 { try await client.put("noise", value: "\(number)") }
      let endpoints = client.endpoints
      let store = try await servers[0].call("GET", "/api/v1/namespaces").body
      #expect(store["items"]?.elements.count == 2)
      try await EtcdClient(endpoints: endpoints).run { client in
        let (started, announcement) = AsyncStream.makeStream(of: String.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask {
            var configuration = FakeAPIServerConfiguration()
            configuration.port = 0
            try await FakeAPIServer(
              configuration: configuration, client: client,
              logger: Logger(label: "api") { _ in SwiftLogNoOpLogHandler() }
            ) { announcement.yield($0.insecure ?? "") }.run()
          }
          defer { group.cancelAll() }
          for await url in started {
            let path = "\(Self.pods)?watch=true&resourceVersion=\(version)"
            let end = ContinuousClock.now + .seconds(120)
            while ContinuousClock.now < end {
              let event = try await Caller(url: url).watch(path) { events in
                for try await event in events { return event }
                return JSONValue.null
              }
              // Until it has looked at the store for the first time it cannot tell.
              if event["code"] == 503 { continue }
              #expect(event["type"] == "ERROR" && event["object"]?["code"] == 410)
              break
            }
            return
          }
        }
      }
    }
  }

  @Test func aPodOnANodeEndsInTwoSteps() async throws {
    try await withServers { servers, _ in
      let server = servers[0]
      _ = try await server.call("POST", Self.pods, Self.pod("a"))
      let bound = try await server.call(
        "POST", "\(Self.pods)/a/binding", #"{"target":{"kind":"Node","name":"m1"}}"#)
      #expect(bound.code == 201)
      let marked = try await server.call("DELETE", "\(Self.pods)/a")
      #expect(marked.code == 200 && marked.body["metadata"]?["deletionTimestamp"] != nil)
      #expect(try await server.call("GET", "\(Self.pods)/a").code == 200)
      let other = try await server.call(
        "DELETE", "\(Self.pods)/a", #"{"gracePeriodSeconds":0,"preconditions":{"uid":"x"}}"#)
      #expect(other.code == 409)
      #expect(
        try await server.call("DELETE", "\(Self.pods)/a", #"{"gracePeriodSeconds":0}"#).code == 200)
      #expect(try await server.call("GET", "\(Self.pods)/a").code == 404)
    }
  }

  @Test func aNamespaceGoesWithAllThatIsInIt() async throws {
    try await withServers { servers, _ in
      let server = servers[0]
      _ = try await server.call("POST", "/api/v1/namespaces", #"{"metadata":{"name":"n"}}"#)
      for name in ["a", "b"] {
        _ = try await server.call("POST", "/api/v1/namespaces/n/pods", Self.pod(name))
      }
      #expect(try await server.call("DELETE", "/api/v1/namespaces/n").code == 200)
      #expect(try await server.call("GET", "/api/v1/pods").body["items"] == [])
      #expect(try await server.call("GET", "/api/v1/namespaces/n").code == 404)
    }
  }

  @Test func aNodeWithoutASignOfLifeIsShownAsUnknown() async throws {
    try await withServers { servers, _ in
      let server = servers[0]
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
