import AsyncHTTPClient
import Foundation
import GRDB
import Logging
import NIOCore
import Subprocess
import Synchronization
import TestSupport
import Testing

@testable import KVStore

/// Users, roles and the keys they guard, over a real socket and over restarts.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct AuthServerTests {
  /// Enables authentication: `root:pw`, and `u:p`, which may read and write below `/a/` and read `/b`; guests
  /// have no rights.
  private func switchOn(_ client: TestClient) async throws {
    let requests = [
      ("users/root", #"{"user":"root","password":"pw"}"#),
      (
        "roles/r",
        #"{"role":"r","permissions":{"kv":{"read":["/a/*","/b"],"write":["/a/*"]}}}"#
      ),
      ("users/u", #"{"user":"u","password":"p","roles":["r"]}"#),
      ("roles/guest", #"{"role":"guest"}"#), ("enable", nil),
    ]
    for (path, document) in requests {
      let answer = try await client.send(.PUT, "/v2/auth/" + path, form: document)
      #expect((200...201).contains(answer.status), "\(path): \(answer.text)")
    }
  }

  @Test func eachKindOfRequestNeedsItsPermission() async throws {
    try await withServer { client in
      _ = try await client.put("/a/k", "value=1")
      _ = try await client.put("/b/k", "value=1")
      try await self.switchOn(client)
      let index = try #require(
        try await client.send(.GET, "/v2/keys/a/k", as: "root:pw").index)
      // Nothing of that was a change of keys.
      #expect(index == 2)

      let cases: [(String, String, user: Int, root: Int)] = [
        ("GET", "/a/k", 200, 200), ("HEAD", "/a/k", 200, 200), ("GET", "/b", 200, 200),
        ("GET", "/b?recursive=true", 401, 200), ("GET", "/a/?recursive=true", 200, 200),
        ("GET", "/a?recursive=true", 401, 200), ("GET", "/b/k", 401, 200),
        ("GET", "/a/k?wait=true&waitIndex=1", 200, 200),
        ("GET", "/a/?wait=true&recursive=true&waitIndex=1", 200, 200),
        ("GET", "/b/k?wait=true&waitIndex=2", 401, 200),
        ("GET", "/?wait=true&recursive=true&waitIndex=1", 401, 200),
        ("PUT", "/a/k", 200, 200), ("PUT", "/b", 401, 403), ("POST", "/a/", 201, 201),
        ("POST", "/b", 401, 201), ("DELETE", "/a/none", 404, 404), ("DELETE", "/b/k", 401, 200),
        ("PUT", "/b?prevIndex=x", 400, 400),
      ]
      for (method, path, user, root) in cases {
        for (who, status) in [
          ("u:p", user), ("root:pw", root), (nil, user == 400 ? 400 : 401),
          ("u:wrong", user == 400 ? 400 : 401),
        ] as [(String?, Int)] {
          let form = method == "PUT" || method == "POST" ? "value=1" : nil
          let answer = try await client.send(
            .init(rawValue: method), "/v2/keys" + path, form: form, as: who)
          #expect(answer.status == status, "\(who ?? "a guest"): \(method) \(path)")
          #expect((answer.errorCode == 110) == (status == 401 && method != "HEAD"))
        }
      }
    }
  }

  @Test func whoIsNoRootLearnsNothingAndChangesNothing() async throws {
    try await withServer { client in
      try await self.switchOn(client)
      for who in [nil, "u:p", "root:wrong", "nobody:p"] {
        for (method, path) in [
          ("GET", "auth/users"), ("GET", "auth/users/u"), ("GET", "auth/roles"),
          ("GET", "auth/roles/r"), ("PUT", "auth/users/x"), ("PUT", "auth/roles/x"),
          ("DELETE", "auth/users/u"), ("DELETE", "auth/roles/r"), ("PUT", "auth/enable"),
          ("DELETE", "auth/enable"), ("POST", "members"), ("PUT", "members/x"),
          ("DELETE", "members/x"),
        ] {
          let answer = try await client.send(.init(rawValue: method), "/v2/" + path, as: who)
          #expect(answer.status == 401, "\(who ?? "a guest"): \(method) \(path)")
          #expect(answer.text == #"{"message":"Insufficient credentials"}"#)
        }
        #expect(try await client.send(.GET, "/v2/members", as: who).status == 200)
        #expect(try await client.send(.GET, "/v2/auth/enable", as: who).status == 200)
      }
      #expect(try await client.send(.PUT, "/v2/members/x", as: "root:pw").status == 405)
    }
  }

  @Test func aNewPasswordCountsAtOnceAndTheOldOneNoMore() async throws {
    try await withServer { client in
      try await self.switchOn(client)
      #expect(try await client.send(.GET, "/v2/keys/b", as: "u:p").status == 404)
      let document = #"{"user":"u","password":"new"}"#
      #expect(
        try await client.send(.PUT, "/v2/auth/users/u", form: document, as: "root:pw").status == 200
      )
      #expect(try await client.send(.GET, "/v2/keys/b", as: "u:p").status == 401)
      #expect(try await client.send(.GET, "/v2/keys/b", as: "u:new").status == 404)
      #expect(try await client.send(.DELETE, "/v2/auth/users/u", as: "root:pw").status == 200)
      #expect(try await client.send(.GET, "/v2/keys/b", as: "u:new").status == 401)
    }
  }

  /// bcrypt takes its time: it is asked once for each password, and again when there is another one.
  @Test func aPasswordIsTriedOnce() async throws {
    let store = try Store(.memory, logger: Logger(label: "test"))
    let auth = store.auth
    func put(_ document: String) async {
      await withCheckedContinuation { done in
        auth.answer(
          .putUser(KeyName("u".utf8)), query: nil, body: ByteBuffer(string: document), by: .guest
        ) { result in
          #expect(throws: Never.self) { try result.get() }
          done.resume()
        }
      }
    }
    func identify(_ user: String) async -> (requester: Requester, wasTried: Bool) {
      switch auth.identify(basicAuthorization(user)) {
      case .known(let requester): return (requester, false)
      case .claimed(let claim):
        return await withCheckedContinuation { done in
          auth.verify(claim) { done.resume(returning: ($0, true)) }
        }
      }
    }
    let u = Requester.user(KeyName("u".utf8))
    await put(#"{"user":"u","password":"p"}"#)
    #expect(await identify("u:p") == (u, true))
    #expect(await identify("u:p") == (u, false))
    #expect(await identify("u:q") == (.unknown, true))
    #expect(await identify("u:p") == (u, false))
    #expect(await identify("nobody:p") == (.unknown, false))
    await put(#"{"user":"u","password":"q"}"#)
    #expect(await identify("u:p") == (.unknown, true))
    #expect(await identify("u:q") == (u, true))
    #expect(await identify("u:q") == (u, false))
    await store.close()
  }

  @Test func aPasswordWithAZeroByteIsRefused() async throws {
    try await withServer { client in
      let document = #"{"user":"u","password":"p\u0000q"}"#
      let answer = try await client.send(.PUT, "/v2/auth/users/u", form: document)
      #expect(answer.status == 400)
      #expect(answer.text.contains("The password of user u has a zero byte"))
      #expect(try await client.send(.GET, "/v2/auth/users/u").status == 404)
    }
  }

  /// A password is tried on another thread; what the client sent meanwhile waits its turn.
  @Test func requestsThatAreSentAheadAreAnsweredInOrder() async throws {
    try await withServer { client in
      try await self.switchOn(client)
      let statuses = try await onThreadOfItsOwn {
        let connection = try Self.connect(client)
        var request = ""
        for (path, user) in [("/a/1", "u:p"), ("/b", "u:p"), ("/c", "u:p"), ("/b", "u:x")] {
          request += "GET /v2/keys\(path) HTTP/1.1\r\nHost: localhost\r\n"
          request += "Authorization: \(basicAuthorization(user))\r\n\r\n"
        }
        #expect(connection.send(Array(request.utf8)))
        return try (0..<4).map { _ in
          let deadline = ContinuousClock.now + .seconds(60)
          let status = try connection.readHead("GET", until: deadline).status
          while try connection.readPiece(until: deadline) != nil {}
          return status
        }
      }
      #expect(statuses == [404, 404, 401, 401])
    }
  }

  /// The first request of a connection is a watch with an unverified password: reading goes on as during any
  /// other watch, and a client that sends too much is cut off.
  @Test func whatAWatcherSaysIsReadOn() async throws {
    try await withRunningServer { server in
      let client = TestClient(base: server.urls[0])
      try await self.switchOn(client)
      try await onThreadOfItsOwn {
        let connection = try Self.watch(client)
        let deadline = ContinuousClock.now + .seconds(60)
        #expect(try connection.readHead("GET", until: deadline).status == 200)
        #expect(server.watcherCount == 1)
        _ = connection.send([UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20))
        #expect(throws: RawConnection.Failure.gone) { try connection.readPiece(until: deadline) }
      }
      try await eventually("the watcher is still there") { server.watcherCount == 0 }
    }
  }

  /// Other passwords are tried first, so that the client is gone when it is the turn of its own.
  @Test func whoIsGoneWhenHisPasswordWasTriedLeavesNoWatcher() async throws {
    try await withRunningServer { server in
      let client = TestClient(base: server.urls[0])
      try await self.switchOn(client)
      try await withThrowingTaskGroup { group in
        for number in 0..<8 {
          group.addTask { _ = try await client.send(.GET, "/v2/keys/b", as: "u:\(number)") }
        }
        try await onThreadOfItsOwn {
          let connection = try Self.watch(client)
          // It ends with a reset: nothing that is sent could arrive any more.
          var linger = linger(l_onoff: 1, l_linger: 0)
          setsockopt(
            connection.descriptor, SOL_SOCKET, SO_LINGER, &linger,
            socklen_t(MemoryLayout.size(ofValue: linger)))
        }
        try await group.waitForAll()
      }
      #expect(try await client.send(.GET, "/v2/keys/b", as: "u:last").status == 401)
      for _ in 0..<20 {
        #expect(server.watcherCount == 0)
        try await Task.sleep(for: .milliseconds(10))
      }
    }
  }

  private static func watch(_ client: TestClient) throws -> RawConnection {
    let connection = try self.connect(client)
    let request =
      "GET /v2/keys/a/k?wait=true&stream=true HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
      + basicAuthorization("u:p") + "\r\n\r\n"
    #expect(connection.send(Array(request.utf8)))
    return connection
  }

  private static func connect(_ client: TestClient) throws -> RawConnection {
    let url = try #require(URL(string: client.base))
    return try RawConnection(host: url.host() ?? "", port: url.port ?? 0)
  }

  /// As many guessers as would delay a login by nine seconds, were they tried before it.
  @Test func aFloodOfWrongPasswordsDelaysARightOneLittle() async throws {
    try await withServer { client in
      try await self.switchOn(client)
      try await withThrowingTaskGroup { group in
        let end = End()
        defer { end.isReached.withLock { $0 = true } }
        for number in 0..<150 {
          group.addTask {
            try await onThreadOfItsOwn {
              let connection = try Self.connect(client)
              while !end.isReached.withLock({ $0 }) {
                try Self.guess("u:\(number)", over: connection, until: end)
              }
            }
          }
        }
        // Until they are at it.
        let wrong = try await client.send(
          .GET, "/v2/keys/b", as: "u:x", timeout: .minutes(1))
        #expect(wrong.status == 401)
        let start = ContinuousClock.now
        let right = try await client.send(.GET, "/v2/keys/b", as: "root:pw")
        #expect(right.status == 404)
        #expect(ContinuousClock.now - start < .seconds(4))
      }
    }
  }

  private final class End: Sendable {
    let isReached = Mutex(false)
  }

  /// Waits for the refusal, or until the end.
  private static func guess(
    _ user: String, over connection: RawConnection, until end: End
  ) throws {
    let request =
      "GET /v2/keys/b HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
      + basicAuthorization(user) + "\r\n\r\n"
    _ = connection.send(Array(request.utf8))
    while !end.isReached.withLock({ $0 }) {
      do {
        #expect(try connection.readHead("GET", until: .now + .seconds(0.2)).status == 401)
        while try connection.readPiece(until: .now + .seconds(60)) != nil {}
        return
      } catch RawConnection.Failure.silence {}
    }
  }

  @Test func manyAtOnceAreToldApart() async throws {
    try await withServer { client in
      try await self.switchOn(client)
      let wrong = try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<40 {
          group.addTask {
            let isRight = number % 4 != 0
            let answer = try await client.send(
              .GET, "/v2/keys/a/k", as: isRight ? "u:p" : "u:\(number)", timeout: .minutes(2))
            return answer.status != (isRight ? 404 : 401)
          }
        }
        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(wrong == 0)
    }
  }

  // MARK: On disk

  private func everything(_ client: TestClient) async throws -> [String] {
    var texts: [String] = []
    for path in ["enable", "users", "roles"] {
      texts.append(try await client.send(.GET, "/v2/auth/" + path, as: "root:pw").text)
    }
    return texts
  }

  @Test func usersAndRolesAreThereAfterAKillAndInABackup() async throws {
    try await withTemporaryDirectory { directory in
      let (data, copy, other) = (directory + "/a", directory + "/copy", directory + "/b")
      let before = Mutex<[String]>([])
      try await CrashTests().withKVStore(data) { client, process in
        try await self.switchOn(client)
        _ = try await client.send(
          .PUT, "/v2/auth/roles/r", form: #"{"role":"r","grant":{"kv":{"read":["/\u0000é\"<"]}}}"#,
          as: "root:pw")
        _ = try await client.send(
          .PUT, "/v2/auth/users/gone", form: #"{"user":"gone","password":"unwritten"}"#,
          as: "root:pw")
        #expect(
          try await client.send(.DELETE, "/v2/auth/users/gone", as: "root:pw").status == 200)
        let texts = try await self.everything(client)
        before.withLock { $0 = texts }
        kill(process, SIGKILL)
      }
      let expected = before.withLock { $0 }
      #expect(expected.first == "{\"enabled\":true}\n")
      try await CrashTests().withKVStore(data) { client, process in
        #expect(try await self.everything(client) == expected)
        #expect(try await client.send(.GET, "/v2/keys/a/k", as: "u:p").status == 404)
        #expect(try await client.send(.GET, "/v2/keys/a/k").status == 401)
        _ = try DataDirectory(data).backUp(to: copy)
        kill(process, SIGKILL)
      }
      _ = try DataDirectory(other).restore(from: copy)
      let restored = try await withServer(.directory(other)) { try await self.everything($0) }
      #expect(restored == expected)
      // No password is written down anywhere.
      for file in try FileManager.default.contentsOfDirectory(atPath: data) {
        let bytes = try Data(contentsOf: URL(filePath: data + "/" + file))
        #expect(bytes.firstRange(of: Data("unwritten".utf8)) == nil, "\(file)")
      }
    }
  }

  /// A disk that is full: here a limit on the size of the process's files.
  @Test func aFullDiskRefusesAChangeAndLeavesEverythingAsItWas() async throws {
    try await withTemporaryDirectory { directory in
      let limit = "trap '' XFSZ; ulimit -S -f 1024"
      try await CrashTests().withKVStore(directory, shell: limit) { client, process in
        try await self.switchOn(client)
        let before = try await self.everything(client)
        let pattern = "/" + String(repeating: "x", count: 2 << 20)
        let refused = try await client.send(
          .PUT, "/v2/auth/roles/large",
          form: #"{"role":"large","permissions":{"kv":{"read":["\#(pattern)"]}}}"#, as: "root:pw")
        #expect(refused.status == 500)
        #expect(refused.text.contains("cannot write to disk"))
        #expect(try await self.everything(client) == before)
        _ = try await run(
          .name("prlimit"), arguments: ["--pid", "\(process)", "--fsize=unlimited:"],
          output: .discarded)
        #expect(
          try await client.send(.DELETE, "/v2/auth/roles/r", as: "root:pw").status == 200)
      }
      try await withServer(.directory(directory)) { client in
        for role in ["r", "large"] {
          let answer = try await client.send(.GET, "/v2/auth/roles/" + role, as: "root:pw")
          #expect(answer.status == 404)
        }
      }
    }
  }

  @Test(arguments: [
    ("UPDATE users SET roles = '[1]' WHERE name = 'u'", "users.roles: [1] is no list of texts"),
    ("UPDATE roles SET read = 'x' WHERE name = 'r'", "roles.read: x is no list of texts"),
    ("UPDATE roles SET write = '{}' WHERE name = 'r'", "roles.write: {} is no list of texts"),
  ])
  func tablesThatCannotBeTrueAreNamed(sql: String, reason: String) async throws {
    try await withTemporaryDirectory { directory in
      let path = directory + "/" + KVStore.Database.fileName
      try await withServer(.directory(directory)) { try await self.switchOn($0) }
      try await editTables(path, sql)
      #expect(throws: StartError.corrupt(path, reason)) { try DataDirectory(directory).check() }
      await #expect(throws: StartError.corrupt(path, reason)) {
        try await KVStoreServer.start(.directory(directory))
      }
    }
  }
}
