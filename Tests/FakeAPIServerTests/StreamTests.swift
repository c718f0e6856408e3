import AsyncHTTPClient
import HTTPEndpoint
import KubernetesObjects
import TestSupport
import Testing

@testable import FakeAPIServer

/// Streams: watches, and answers of kubelets behind the server.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct StreamTests {
  /// The number of a server's watchers.
  private static func watchers(_ server: Caller) async throws -> Bool {
    let page = try await server.call("GET", "/metrics").body.string ?? ""
    return page.contains(#"apiserver_registered_watchers{kind="pods"} 1"#)
  }

  private static func all(
    _ events: AsyncThrowingStream<JSONValue, any Error>
  ) async throws -> [JSONValue] {
    try await events.reduce(into: []) { $0.append($1) }
  }

  @Test func aWatcherThatWantsToKnowHearsHowFarItIs() async throws {
    try await withServer { server in
      let list = try await server.call("GET", Caller.pods).body
      let start = try #require(list["metadata"]?["resourceVersion"]?.string)
      let made = try await server.call("POST", Caller.pods, Caller.pod("a")).body
      // Until the server itself has seen it.
      try await server.watch("\(Caller.pods)?watch=true&resourceVersion=\(start)") { events in
        for try await _ in events { break }
      }
      let path =
        "\(Caller.pods)?watch=true&resourceVersion=\(start)&timeoutSeconds=1&labelSelector=none"
      #expect(try await server.watch(path, Self.all) == [])
      #expect(
        try await server.watch("\(path)&allowWatchBookmarks=true", Self.all) == [
          [
            "type": "BOOKMARK",
            "object": [
              "kind": "Pod", "apiVersion": "v1",
              "metadata": ["resourceVersion": made["metadata"]?["resourceVersion"] ?? ""],
            ],
          ]
        ])
    }
  }

  @Test func whoHasGoneIsNotKeptInMind() async throws {
    try await withServers { servers, _ in
      try await servers[0].watch("\(Caller.pods)?watch=true") { _ in
        try await eventually("it is watched") { try await Self.watchers(servers[0]) }
      }
      try await eventually("nobody watches") { try await !Self.watchers(servers[0]) }
    }
  }

  /// Another API server stands for the kubelet, and a watch for its log: it can tell when the stream ends.
  @Test func whatAKubeletWritesIsPassedOnUntilNobodyReadsIt() async throws {
    var configuration = FakeAPIServerConfiguration()
    configuration.allowsLocalKubelets = true
    try await withServers(2, configuration) { servers, _ in
      let (proxy, kubelet) = (servers[0], servers[1])
      let port = try #require(kubelet.url.split(separator: ":").last)
      _ = try await proxy.call(
        "POST", "/api/v1/nodes",
        #"{"metadata":{"name":"m1"},"status":{"addresses":[{"type":"InternalIP","address":"127.0.0.1"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":\#(port)}}}}"#
      )
      let path = "/api/v1/nodes/m1/proxy\(Caller.pods)?watch=true"
      try await proxy.watch(path) { events in
        try await eventually("the kubelet is asked") { try await Self.watchers(kubelet) }
        _ = try await proxy.call("POST", Caller.pods, Caller.pod("a"))
        for try await event in events {
          #expect(event["object"]?["metadata"]?["name"] == "a")
          break
        }
      }
      try await eventually("the kubelet is left alone") {
        try await !Self.watchers(kubelet)
      }
      let refused = try await proxy.call("GET", "/api/v1/nodes/m1/proxy/none")
      #expect(refused.code == 404 && refused.body["reason"] == "NotFound")
    }
  }

  @Test func aKubeletThatIsNotThereIsToldAtOnce() async throws {
    var configuration = FakeAPIServerConfiguration()
    configuration.kubeletURLs = ["m1": HTTPEndpoint.refusing.url]
    try await withServers(1, configuration) { servers, _ in
      _ = try await servers[0].call("POST", "/api/v1/nodes", #"{"metadata":{"name":"m1"}}"#)
      let answer = try await servers[0].call("GET", "/api/v1/nodes/m1/proxy/pods")
      #expect(answer.code == 500 && answer.body["reason"] == "InternalError")
    }
  }

  @Test func aServerEndsAlthoughALogIsFollowed() async throws {
    try await withServers { servers, client in
      _ = try await servers[0].call("POST", "/api/v1/nodes", #"{"metadata":{"name":"m1"}}"#)
      let arguments = [
        "--etcd-servers=\(client.endpoints[0].url)", "--insecure-port=-1",
        "--kubelet-url=m1=\(servers[0].url)",
      ]
      let (open, ready) = AsyncStream.makeStream(of: String.self)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          try await Programs.run("fake-apiserver", arguments) { url in
            ready.yield(url)
            try await eventually("the kubelet is asked") { try await Self.watchers(servers[0]) }
          }
        }
        group.addTask {
          for await url in open {
            // The server ends the reader's stream, not the reader.
            let error = await #expect(throws: (any Error).self) {
              try await Caller(url: url).watch(
                "/api/v1/nodes/m1/proxy\(Caller.pods)?watch=true", Self.all)
            }
            #expect(error as? HTTPClientError != .readTimeout)
            break
          }
        }
        try await group.waitForAll()
      }
    }
  }
}
