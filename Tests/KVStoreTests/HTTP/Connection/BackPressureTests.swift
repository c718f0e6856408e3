import Glibc
import Synchronization
import NIOCore
import NIOPosix
import NIOSSL
import TestSupport
import Testing

@testable import KVStore

/// Clients that send and do not read, or leave in the middle, over a real socket.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct BackPressureTests {
  private static func get(_ path: String) -> String {
    "GET /v2/keys\(path) HTTP/1.1\r\nHost: localhost\r\n\r\n"
  }

  private static func put(_ path: String) -> String {
    "PUT /v2/keys\(path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
  }

  private func port(_ server: KVStoreServer) throws -> Int {
    try #require(server.urls[0].split(separator: ":").last.flatMap { Int($0) })
  }

  /// A client's channel that reads only when it is told to, and counts bytes.
  private func connect(
    _ server: KVStoreServer, tls: NIOSSLContext?, _ counter: ByteCounter
  ) async throws -> any Channel {
    try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.autoRead, value: false)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls {
            try channel.pipeline.syncOperations.addHandler(
              NIOSSLClientHandler(context: tls, serverHostname: nil))
          }
          try channel.pipeline.syncOperations.addHandler(counter)
        }
      }
      .connect(host: "127.0.0.1", port: try self.port(server)).get()
  }

  /// As many answers of a megabyte are made as the kernel takes, and the rest when the client reads.
  @Test(arguments: [false, true]) func answersWaitUntilTheClientReads(isTLS: Bool) async throws {
    try await withTemporaryDirectory { directory in
      let authority = try TestAuthority("ca")
      let files = try writeFiles(try authority.issue(.server), in: directory)
      try await withRunningServer(
        listenURLs: [isTLS ? "https://127.0.0.1:0" : "http://127.0.0.1:0", "http://127.0.0.1:0"],
        tls: isTLS ? files : TLSFiles()
      ) { server in
        let other = TestClient(base: server.urls[1])
        _ = try await other.put("/k", "value=" + String(repeating: "x", count: 1_000_000))
        func served() async throws -> Int {
          let page = try await other.send(.GET, "/v2/stats/store").object
          return try #require(page?["getsSuccess"] as? Int)
        }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        let counter = ByteCounter()
        let channel = try await self.connect(
          server, tls: isTLS ? try NIOSSLContext(configuration: configuration) : nil, counter)
        // The handshake needs reads.
        if isTLS {
          try await channel.setOption(.autoRead, value: true).get()
          try await channel.writeAndFlush(ByteBuffer(string: Self.get("/none"))).get()
          try await eventually { counter.count > 0 }
          try await channel.setOption(.autoRead, value: false).get()
        }
        let count = 60
        let requests = String(repeating: Self.get("/k"), count: count)
        channel.writeAndFlush(ByteBuffer(string: requests), promise: nil)
        // Until no more are answered for a while.
        var last = -1
        try await eventually("it never stops") {
          let now = try await served()
          defer { last = now }
          guard now > 0, now == last else {
            try await Task.sleep(for: .milliseconds(100))
            return false
          }
          return true
        }
        #expect(last < 30, "\(last) answers are in memory")
        // A client that is slow gets everything.
        try await channel.setOption(.autoRead, value: true).get()
        channel.read()
        try await eventually("the rest does not come: \(counter.count)") {
          counter.count > count * 1_000_000
        }
        #expect(try await served() == count)
        // Over TLS this may fail: the server goes first.
        try? await channel.close()
      }
    }
  }

  /// After its last request a client may send what it wants: it is dropped, and not for ever.
  @Test func bytesAfterTheLastRequestAreDropped() async throws {
    let limits = ConnectionLimits(bytesDropped: 1000)
    try await withRunningServer(limits: limits) { server in
      let port = try self.port(server)
      try await onThreadOfItsOwn {
        let connection = try RawConnection(host: "127.0.0.1", port: port)
        let last =
          "GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        _ = connection.send(Array(last.utf8))
        // In the end the server does not take them any more.
        let end = ContinuousClock.now + .seconds(60)
        while connection.send([UInt8](repeating: 0x7A, count: 10_000)), ContinuousClock.now < end {}
        #expect(ContinuousClock.now < end)
      }
    }
  }

  /// The answer is read although the client had sent more: the connection is not reset under it.
  @Test func theLastAnswerArrivesWhateverFollowsTheRequest() async throws {
    try await withRunningServer { server in
      let port = try self.port(server)
      try await onThreadOfItsOwn {
        for _ in 0..<50 {
          let connection = try RawConnection(host: "127.0.0.1", port: port)
          _ = connection.send(Array("nonsense\r\n\r\n".utf8))
          _ = connection.send([UInt8](repeating: 0x7A, count: 100_000))
          let deadline = ContinuousClock.now + .seconds(60)
          #expect(try connection.readHead("GET", until: deadline).status == 400)
        }
      }
    }
  }

  /// The GET is owed an answer, too.
  @Test func allThatWasAskedBeforeTheClientClosedItsDirectionIsAnswered() async throws {
    try await withRunningServer { server in
      let port = try self.port(server)
      try await onThreadOfItsOwn {
        for number in 0..<60 {
          let connection = try RawConnection(host: "127.0.0.1", port: port)
          let requests = Self.put("/k?value=\(number)") + Self.get("/k") + Self.get("/none")
          _ = connection.send(Array(requests.utf8))
          shutdown(connection.descriptor, Int32(SHUT_WR))
          let deadline = ContinuousClock.now + .seconds(60)
          var statuses: [Int] = []
          for method in ["PUT", "GET", "GET"] {
            statuses.append(try connection.readHead(method, until: deadline).status)
            while try connection.readPiece(until: deadline) != nil {}
          }
          #expect(statuses == [number == 0 ? 201 : 200, 200, 404])
        }
      }
    }
  }

  /// A watch that was sent ahead on a connection that breaks while the request before it is answered.
  @Test func aBrokenConnectionLeavesNoWatcher() async throws {
    try await withTemporaryDirectory { directory in
      try await withRunningServer(.directory(directory)) { server in
        let port = try self.port(server)
        try await onThreadOfItsOwn {
          for number in 0..<150 {
            let connection = try RawConnection(host: "127.0.0.1", port: port)
            let requests =
              Self.put("/k?value=\(number)") + Self.get("/k?wait=true&stream=true")
            _ = connection.send(Array(requests.utf8))
            // Closing then resets the connection.
            var reset = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
              connection.descriptor, SOL_SOCKET, SO_LINGER, &reset,
              socklen_t(MemoryLayout<linger>.size))
          }
        }
        let client = TestClient(base: server.urls[0])
        for _ in 0..<3 {
          _ = try await client.put("/k", "value=last")
          try await eventually("\(server.watcherCount) watchers stay") { server.watcherCount == 0 }
        }
      }
    }
  }

  @Test func anAnswerHasItsDate() async throws {
    try await withServer { client in
      let answer = try await client.get("/none")
      let date = try #require(answer.headers.first(name: "Date"))
      #expect(date.wholeMatch(of: /[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} [\d:]{8} GMT/) != nil)
    }
  }

  @Test(arguments: [
    (0, "Thu, 01 Jan 1970 00:00:00"), (951_825_599, "Tue, 29 Feb 2000 11:59:59"),
    (1_700_000_000, "Tue, 14 Nov 2023 22:13:20"), (-1, "Wed, 31 Dec 1969 23:59:59"),
    (253_402_300_800, "Sat, 01 Jan 10000 00:00:00"),
  ])
  func aDateIsWrittenAsHTTPDoes(second: Int, text: String) {
    #expect(String(buffer: DateLine.line(at: second)) == "Date: \(text) GMT\r\n")
  }
}

/// Counts the bytes that a client reads.
private final class ByteCounter: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer

  private let bytes = Mutex(0)
  var count: Int { self.bytes.withLock { $0 } }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let count = self.unwrapInboundIn(data).readableBytes
    self.bytes.withLock { $0 += count }
  }
}
