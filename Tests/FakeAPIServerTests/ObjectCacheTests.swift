import EtcdClient
import KubernetesObjects
import Logging
import TestSupport
import Testing

@testable import FakeAPIServer

@Suite(.takesTurns, .timeLimit(.minutes(10))) struct ObjectCacheTests {
  private func node(_ name: String, _ value: String, at index: UInt64) -> Node {
    Node(key: "/registry/pods/\(name)", value: value, modifiedIndex: index)
  }

  @Test func anObjectIsWhatItsKeySaysNow() {
    let cache = ObjectCache()
    let steps: [(String, UInt64, JSONValue?)] = [
      (#"{"metadata":{},"a":1}"#, 5, ["metadata": ["resourceVersion": "5"], "a": 1]),
      (#"{"metadata":{},"a":1}"#, 5, ["metadata": ["resourceVersion": "5"], "a": 1]),
      (#"{"metadata":{},"a":2}"#, 6, ["metadata": ["resourceVersion": "6"], "a": 2]),
      // Another store with the same index.
      (#"{"metadata":{},"a":3}"#, 6, ["metadata": ["resourceVersion": "6"], "a": 3]),
      (#"{"metadata":{},"a":3}"#, 2, ["metadata": ["resourceVersion": "2"], "a": 3]),
      ("no JSON", 7, nil), ("", 8, nil),
      (#"{"metadata":{},"a":3}"#, 2, ["metadata": ["resourceVersion": "2"], "a": 3]),
    ]
    for (value, index, expected) in steps {
      let shown = cache.shown(self.node("n/p", value, at: index))
      #expect(shown?.object == expected)
      #expect(shown?.json == expected?.utf8)
    }
    #expect(cache.shown(Node(key: "/registry/pods", dir: true)) == nil)
    #expect(cache.count == 1)
  }

  @Test func whatHasGoneIsForgotten() {
    let cache = ObjectCache()
    let names = ["n/a", "n/b", "m/c", "m2/d"]
    let nodes = names.map { self.node($0, "{}", at: 1) }
    for node in nodes { _ = cache.shown(node) }
    cache.forget("/registry/pods/n/b")
    cache.forget("/registry/pods/none")
    #expect(cache.count == 3)
    // Only of this namespace, not of one whose name begins with it.
    cache.keep(only: Node(key: "/registry/pods/m", dir: true))
    #expect(cache.count == 2)
    for node in nodes { _ = cache.shown(node) }
    cache.keep(
      only: Node(
        key: "/registry/pods", dir: true,
        nodes: [Node(key: "/registry/pods/n", dir: true, nodes: [nodes[0]])]))
    #expect(cache.count == 1)
  }

  /// Without any list.
  @Test func whatAWatchSeesGoIsForgotten() async throws {
    try await withServers(1) { _, client in
      let cache = ObjectCache()
      let feed = WatchFeed(
        client: client, path: "/things", cache: cache,
        logger: Logger(label: "feed") { _ in SwiftLogNoOpLogHandler() })
      try await withThrowingTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        group.addTask { await feed.run() }
        try await eventually("it is ready") { feed.isReady }
        _ = try await client.put("/things/a", value: "{}")
        try await eventually("it is kept") { cache.count == 1 }
        _ = try await client.delete("/things/a")
        try await eventually("it is forgotten") { cache.count == 0 }
      }
    }
  }

  @Test func whatDoesNotFitInIsShownAllTheSame() {
    let value = #"{"metadata":{}}"#
    let size = value.utf8.count + #"{"metadata":{"resourceVersion":"1"}}"#.utf8.count
    let cache = ObjectCache(limit: 2 * size)
    for name in ["a", "b", "c"] {
      #expect(
        cache.shown(self.node(name, value, at: 1))?.object == [
          "metadata": ["resourceVersion": "1"]
        ])
    }
    #expect(cache.count == 2)
    cache.forget("/registry/pods/a")
    _ = cache.shown(self.node("c", value, at: 1))
    _ = cache.shown(self.node("d", value, at: 1))
    #expect(cache.count == 2)
    // A new version replaces the old one.
    _ = cache.shown(self.node("c", value, at: 2))
    #expect(cache.count == 2)
  }

  /// A write that one server acknowledged is in the next list of another server, which had cached the old value.
  @Test func aListIsNeverOlderThanWhatAnotherServerHasSaid() async throws {
    try await withServers(2) { servers, client in
      let pods = Caller.pods
      let accepts = ["application/json", "application/json;as=Table;v=v1;g=meta.k8s.io"]
      func versions(_ server: Caller, _ accept: String) async throws -> [String: JSONValue] {
        let list = try await server.call(
          "GET", "\(pods)?labelSelector=round&includeObject=Object", accept: accept
        ).body
        let objects = list["items"]?.elements ?? list["rows"]?.elements.compactMap { $0["object"] }
        return Dictionary(
          uniqueKeysWithValues: (objects ?? []).map {
            ($0["metadata"]?["name"]?.string ?? "", $0)
          })
      }
      var expected: [String: JSONValue] = [:]
      for round in 0..<30 {
        let name = "p\(round % 4)"
        let (writer, reader) = (servers[round % 2], servers[(round + 1) % 2])
        switch (expected[name], round % 7) {
        case (nil, _):
          expected[name] = try await writer.call(
            "POST", pods, Caller.pod(name, labels: #"{"round":"\#(round)"}"#)
          ).body
        case (_?, 0):
          #expect(try await writer.call("DELETE", "\(pods)/\(name)").code == 200)
          expected[name] = nil
        case (_?, 1):
          // Written to etcd directly, as with etcdctl.
          let key = "/registry/pods/default/\(name)"
          let value = try #require(try await client.get(key).node.value)
          let index = try await client.put(
            key, value: value.replacing(#""image":"i:1""#, with: #""image":"i:\#(round)""#)
          ).node.modifiedIndex
          expected[name] = try await reader.call("GET", "\(pods)/\(name)").body
          #expect(expected[name]?["metadata"]?["resourceVersion"] == .string("\(index)"))
        default:
          expected[name] = try await writer.call(
            "PATCH", "\(pods)/\(name)", #"{"metadata":{"labels":{"round":"\#(round)"}}}"#,
            type: "application/merge-patch+json"
          ).body
        }
        for accept in accepts { #expect(try await versions(reader, accept) == expected) }
      }
    }
  }
}
