import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import KVStore

/// The API over a real socket.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct KVStoreServerTests {
  @Test func aKeyIsWrittenReadAndDeleted() async throws {
    try await withServer { client in
      let created = try await client.put("/a/k", "value=1")
      #expect(created.status == 201)
      #expect(
        created.text
          == #"{"action":"set","node":{"key":"/a/k","value":"1","modifiedIndex":1,"createdIndex":1}}"#
          + "\n")
      let read = try await client.get("/a/k")
      #expect(read.status == 200)
      #expect(read.value == "1")
      #expect(read.index == 1)
      let deleted = try await client.send(.DELETE, "/v2/keys/a/k")
      #expect(deleted.action == "delete")
      let missing = try await client.get("/a/k")
      #expect(missing.status == 404)
      #expect(
        missing.text == #"{"errorCode":100,"message":"Key not found","cause":"/a/k","index":2}"#
          + "\n")
    }
  }

  @Test func ofManyWhoCreateOneWins() async throws {
    try await withServer { client in
      let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<32 {
          group.addTask {
            try await client.put("/lease?prevExist=false", "value=\(number)&ttl=30").status
          }
        }
        return try await group.reduce(into: [Int]()) { $0.append($1) }
      }
      #expect(statuses.filter { $0 == 201 }.count == 1)
      #expect(statuses.filter { $0 == 412 }.count == 31)
    }
  }

  @Test func anExpiryIsAnEventWithAnIndexOfItsOwn() async throws {
    try await withServer { client in
      _ = try await client.put("/lease", "value=me&ttl=1")
      let watch = try await client.watch("/lease?wait=true&waitIndex=2")
      let event = String(buffer: try await watch.body.collect(upTo: 4096))
      #expect(event.contains(#""action":"expire""#))
      let after = try await client.get("/lease")
      #expect(after.errorCode == 100)
      #expect(after.index == 2)
    }
  }

  /// No event falls between a look at the history and the wait: one writer, a watcher that asks for
  /// one index after the other, and in the end it has seen every one of them once, in order.
  @Test func aWatcherSeesEveryEventOnceAndInOrder() async throws {
    try await withServer { client in
      let count = 400
      async let writing: Void = {
        for number in 1...count { _ = try await client.put("/k\(number % 3)", "value=\(number)") }
      }()
      var seen: [String] = []
      for index in 1...count {
        let watch = try await client.watch("/?recursive=true&wait=true&waitIndex=\(index)")
        let event = String(buffer: try await watch.body.collect(upTo: 4096))
        seen.append(try #require(event.firstMatch(of: /"value":"(\d+)"/)?.1).description)
      }
      try await writing
      #expect(seen == (1...count).map(String.init))
    }
  }

  @Test func aStreamSeesEveryEventOnceAndInOrder() async throws {
    try await withServer { client in
      let count = 300
      let watch = try await client.watch("/?recursive=true&wait=true&stream=true")
      async let writing: Void = {
        for number in 1...count { _ = try await client.put("/k", "value=\(number)") }
      }()
      var text = ""
      for try await part in watch.body {
        text += String(buffer: part)
        if text.split(separator: "\n").count >= count, text.hasSuffix("\n") { break }
      }
      try await writing
      let seen = text.matches(of: /"node":\{"key":"\/k","value":"(\d+)"/).map { String($0.1) }
      #expect(seen == (1...count).map(String.init))
    }
  }

  @Test func theHeadOfAWatchComesBeforeAnyEvent() async throws {
    try await withServer { client in
      _ = try await client.put("/k", "value=1")
      let watch = try await client.watch("/k?wait=true")
      #expect(watch.status == .ok)
      #expect(watch.headers.first(name: "X-Etcd-Index") == "1")
      _ = try await client.put("/k", "value=2")
      #expect(String(buffer: try await watch.body.collect(upTo: 4096)).contains(#""value":"2""#))
    }
  }

  @Test func theHistoryOfAWatchIsThereAfterARestart() async throws {
    try await withTemporaryDirectory { directory in
      try await withServer(.directory(directory)) { client in
        for number in 1...5 { _ = try await client.put("/k", "value=\(number)") }
      }
      try await withServer(.directory(directory)) { client in
        let watch = try await client.watch("/k?wait=true&waitIndex=3")
        let event = String(buffer: try await watch.body.collect(upTo: 4096))
        #expect(event.contains(#""value":"3""#))
        #expect(try await client.put("/k", "value=6").index == 6)
      }
    }
  }

  @Test func aTTLRunsOnOverARestart() async throws {
    try await withTemporaryDirectory { directory in
      try await withServer(.directory(directory)) { client in
        _ = try await client.put("/long", "value=1&ttl=100")
        _ = try await client.put("/short", "value=1&ttl=1")
      }
      try await withServer(.directory(directory)) { client in
        let watch = try await client.watch("/short?wait=true&waitIndex=3")
        let event = String(buffer: try await watch.body.collect(upTo: 4096))
        #expect(event.contains(#""action":"expire""#))
        let ttl = try #require(try await client.get("/long").node?["ttl"] as? Int)
        #expect((1...100).contains(ttl))
      }
    }
  }

  @Test func aClientThatGoesAwayFreesItsWatcher() async throws {
    try await withRunningServer { server in
      let client = TestClient(base: server.urls[0])
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<5 {
          group.addTask {
            let watch = try await client.watch("/k?wait=true")
            _ = try await watch.body.collect(upTo: 4096)
          }
        }
        try await eventually { server.watcherCount == 5 }
        group.cancelAll()
      }
      try await eventually { server.watcherCount == 0 }
    }
  }

  @Test func aStopEndsTheWatchesAndRefusesNobodyWhoWasServed() async throws {
    let server = try await KVStoreServer.start(.memory)
    let client = TestClient(base: server.urls[0])
    let watch = try await client.watch("/k?wait=true")
    await server.stop()
    #expect(try await watch.body.collect(upTo: 4096).readableBytes == 0)
  }

  @Test func thePortThatIsTakenIsNamed() async throws {
    try await withRunningServer { server in
      let url = server.urls[0]
      let error = await #expect(throws: StartError.self) {
        _ = try await KVStoreServer.start(.memory, listenURLs: [url])
      }
      #expect(error?.description.contains(url.dropFirst("http://".count)) == true)
      #expect(error?.description.contains("Address already in use") == true)
    }
  }

  @Test(arguments: [
    "127.0.0.1:2379", "ftp://127.0.0.1:1", "https:///", "http://", "http://a:99999", "http://a:b",
    "unix:/run/a", "unix://", "unix://a\0b",
  ])
  func aURLThatIsNoneIsNamed(url: String) async {
    await #expect(throws: StartError.badURL(url)) {
      _ = try await KVStoreServer.start(.memory, listenURLs: [url])
    }
  }

  @Test func theMembersListNamesTheAddressThatWasBound() async throws {
    try await withServer { client in
      let members = try await client.send(.GET, "/v2/members")
      #expect(members.text.contains(#""clientURLs":["\#(client.base)"]"#))
      #expect(try await client.send(.GET, "/v2/machines").text == client.base)
      #expect(try await client.send(.GET, "/health").text == #"{"health":"true"}"#)
      #expect(try await client.send(.GET, "/version").text.contains(#""etcdserver":"3.4.23""#))
    }
  }

  @Test func aFormOfMoreThanTenMegabytesIsRefused() async throws {
    try await withServer { client in
      let large = try await client.put("/k", "value=" + String(repeating: "m", count: 10 << 20))
      #expect(large.status == 400)
      #expect(large.errorCode == 210)
      #expect(try await client.get("/k").status == 404)
    }
  }

  /// Requests that are sent ahead are answered one after the other, in order.
  @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
    try await withServer { client in
      let port = try #require(client.base.split(separator: ":").last.flatMap { Int($0) })
      let count = 2000
      let requests = (1...count).map { number in
        number % 2 == 0
          ? "GET /v2/keys/k HTTP/1.1\r\nHost: localhost\r\n\r\n"
          : "PUT /v2/keys/k?value=\(number) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
      }
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(host: "127.0.0.1", port: port) { channel in
          channel.eventLoop.makeCompletedFuture {
            try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
          }
        }
      try await channel.executeThenClose { inbound, outbound in
        async let sending: Void = outbound.write(ByteBuffer(string: requests.joined()))
        var text = ""
        for try await part in inbound {
          text += String(buffer: part)
          if text.components(separatedBy: "createdIndex\":").count - 1 >= count * 3 / 2 - 1,
            text.hasSuffix("}\n")
          {
            break
          }
        }
        try await sending
        let values = text.matches(of: /"node":\{"key":"\/k","value":"(\d+)"/).map { Int($0.1) }
        #expect(values == (1...count).map { $0 - ($0 + 1) % 2 })
      }
    }
  }
}
