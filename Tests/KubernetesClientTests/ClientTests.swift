import Foundation
import HTTPEndpoint
import TestSupport
import Testing

@testable import KubernetesClient
@testable import KubernetesObjects

@Suite struct ReflectionTests {
  @Test func aListThenAWatchFromThereOn() throws {
    var reflection = Reflection()
    #expect(reflection.step == .list)
    let list: JSONValue = ["metadata": ["resourceVersion": "7"], "items": [["a": 1]]]
    #expect(reflection.listed(list) == .listed([["a": 1]]))
    #expect(reflection.step == .watch(from: "7"))
    #expect(reflection.listed(["items": nil]) == .listed([]))
  }

  @Test(arguments: ["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", "odd"])
  func aLineOfAWatch(_ type: String) throws {
    let object: JSONValue = ["code": 410, "message": "too old"]
    let line = Reflection.line(["type": .string(type), "object": object])
    switch type {
    case "ADDED", "MODIFIED": #expect(line == .change(.present(object)))
    case "DELETED": #expect(line == .change(.deleted(object)))
    case "BOOKMARK": #expect(line == .bookmark)
    default: #expect(line == .lost(status: 410, message: "too old"))
    }
    #expect(
      Reflection.line(["type": "odd"])
        == .lost(status: 500, message: "unknown type of a watch event: \"odd\""))
  }

  @Test func afterAWatchThereIsAList() {
    var reflection = Reflection()
    _ = reflection.listed(["metadata": ["resourceVersion": "7"]])
    reflection.ended()
    #expect(reflection.step == .list)
  }

  @Test func linesArePutTogether() {
    var lines = LineBuffer()
    #expect(lines.append(Array("{\"a\"".utf8)).isEmpty)
    #expect(
      lines.append(Array(":1}\n\n{}\n{".utf8)).map { String(decoding: $0, as: UTF8.self) }
        == ["{\"a\":1}", "{}"])
    #expect(lines.append(Array("}\n".utf8)) == [Data("{}".utf8)])
  }

  @Test func queriesAreEncoded() {
    #expect(
      APIRequest("GET", "/p", query: [("a", "spec.nodeName=n1,x"), ("b", "é")]).target
        == "/p?a=spec.nodeName%3Dn1%2Cx&b=%C3%A9")
  }
}

/// Over real sockets.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct APIServersTests {
  private func servers(_ urls: [String]) -> APIServers {
    APIServers(urls.map { APIServer(url: $0) }, longestPause: .milliseconds(50))
  }

  private static func note(
    _ news: LockedValue<[String]>
  ) -> @Sendable (APIServers.News) -> Void {
    { item in
      news.withLock { list in
        switch item {
        case .lost: list.append("lost")
        case .found: list.append("found")
        }
      }
    }
  }

  @Test func theNextOneIsAskedWhenOneDoesNotAnswer() async throws {
    try await ScriptedServer.with({ _ in .json("{}", status: 503) }) { sick in
      try await ScriptedServer.with({ _ in .json(#"{"ok":true}"#) }) { well in
        let servers = self.servers([HTTPEndpoint.refusing.url, sick.url, well.url])
        for _ in 0..<3 {
          let answer = try await servers.send(APIRequest("GET", "/x"))
          #expect(answer == ["ok": true])
        }
        // It keeps using the server that answered.
        #expect(sick.requests.count == 1)
        #expect(well.requests.count == 3)
      }
    }
  }

  @Test func aRefusalIsAnAnswer() async throws {
    let status = #"{"kind":"Status","reason":"NotFound","message":"pods \"a\" not found"}"#
    try await ScriptedServer.with({ _ in .json(status, status: 404) }) { server in
      try await ScriptedServer.with({ _ in .json("{}") }) { other in
        let servers = self.servers([server.url, other.url])
        let error = await #expect(throws: APIServerError.self) {
          try await servers.send(APIRequest("GET", "/x"))
        }
        #expect(error?.isNotFound == true)
        #expect(error?.description == "GET \(server.url)/x: 404 pods \"a\" not found")
        #expect(other.requests.isEmpty)
      }
    }
  }

  @Test func lossAndReturnAreToldOnce() async throws {
    let isSick = LockedValue(true)
    let news = LockedValue<[String]>([])
    try await ScriptedServer.with({ _ in
      isSick.value ? .hangUp : .json("{}")
    }) { server in
      let servers = APIServers(
        [APIServer(url: server.url)], longestPause: .milliseconds(20),
        notice: Self.note(news))
      for _ in 0..<3 {
        await #expect(throws: APIServerError.self) {
          try await servers.send(APIRequest("GET", "/x"))
        }
      }
      isSick.withLock { $0 = false }
      for _ in 0..<3 { try await servers.send(APIRequest("GET", "/x")) }
      #expect(news.value == ["lost", "found"])
    }
  }

  @Test func aCollectionIsFollowedOverALostPlace() async throws {
    let watches = LockedValue(0)
    let seen = LockedValue<[String]>([])
    @Sendable func name(_ object: JSONValue) -> String { object["metadata"]?["name"]?.string ?? "" }
    try await ScriptedServer.with({ request in
      guard request.target.contains("watch=true") else {
        return .json(
          #"{"metadata":{"resourceVersion":"5"},"items":[{"metadata":{"name":"a"}}]}"#)
      }
      let number = watches.withLock {
        $0 += 1
        return $0
      }
      let added =
        #"{"type":"ADDED","object":{"metadata":{"name":"b","resourceVersion":"6"}}}"# + "\n"
      let deleted = #"{"type":"DELETED","object":{"metadata":{"name":"b"}}}"# + "\n"
      let lost = #"{"type":"ERROR","object":{"code":410,"message":"too old"}}"# + "\n"
      return number == 1 ? .json(added + deleted + lost) : .silence
    }) { server in
      let servers = self.servers([server.url])
      await withTaskGroup { group in
        group.addTask {
          await servers.follow("/api/v1/pods", fieldSelector: "spec.nodeName=n1") { change in
            seen.withLock { list in
              switch change {
              case .listed(let objects): list.append("list \(objects.map(name))")
              case .present(let object): list.append("present \(name(object))")
              case .deleted(let object): list.append("deleted \(name(object))")
              }
            }
          }
        }
        while watches.value < 2 { try? await Task.sleep(for: .milliseconds(5)) }
        group.cancelAll()
      }
      #expect(
        seen.value == [#"list ["a"]"#, "present b", "deleted b", #"list ["a"]"#])
      let targets = server.requests.map(\.target)
      #expect(targets.first == "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1")
      #expect(targets.contains { $0.contains("resourceVersion=5") })
    }
  }

  @Test func aWatchIsGivenUpWhenOthersAreNotAnswered() async throws {
    let news = LockedValue<[String]>([])
    let lists = LockedValue(0)
    try await ScriptedServer.with({ request in
      if request.target == "/x" { return .hangUp }
      if request.target.contains("watch=true") { return .headOnly }
      lists.withLock { $0 += 1 }
      return .json(#"{"metadata":{"resourceVersion":"5"},"items":[]}"#)
    }) { server in
      let servers = APIServers(
        [APIServer(url: server.url)], longestPause: .milliseconds(20),
        notice: Self.note(news))
      await withTaskGroup { group in
        group.addTask { await servers.follow("/api/v1/pods", fieldSelector: nil) { _ in } }
        while !server.requests.contains(where: { $0.target.contains("watch") }) {
          try? await Task.sleep(for: .milliseconds(5))
        }
        _ = try? await servers.send(APIRequest("GET", "/x"))
        // A silent server gives no answer.
        #expect(news.value == ["lost"])
        while news.value.count < 2 { try? await Task.sleep(for: .milliseconds(5)) }
        group.cancelAll()
      }
      // The next list is an answer.
      #expect(news.value == ["lost", "found"] && lists.value >= 2)
    }
  }
}
