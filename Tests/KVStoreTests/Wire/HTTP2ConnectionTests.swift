import Foundation
import NIOCore
import NIOHTTP2
import NIOSSL
import TestSupport
import Testing

@testable import KVStore

/// HTTP/2's connections: beside HTTP/1 on one port, with TLS, pinged, and stopped.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct HTTP2ConnectionTests {
  @Test func bothVersionsShareAPort() async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      #expect(try await client.call("/test.Echo/Unary").status == 0)
      let other = TestClient(base: server.urls[0])
      #expect(try await other.put("/k", "value=1").status == 201)
      #expect(try await client.call("/test.Echo/Unary").status == 0)
      #expect(try await other.get("/k").value == "1")
      await client.close()
    }
  }

  @Test(.enabled(if: TestAuthority.program != nil, "there is no openssl"))
  func bothVersionsShareAPortWithTLS() async throws {
    try await withTemporaryDirectory { directory in
      let authority = try TestAuthority("ca")
      let files = try writeFiles(
        try authority.issue(.server), trusting: authority, in: directory)
      try await withEchoServer(listenURLs: ["https://127.0.0.1:0"], tls: files) { server, log in
        let shown = try authority.issue(.client, name: "alice")
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .noHostnameVerification
        tls.trustRoots = .certificates(
          try NIOSSLCertificate.fromPEMBytes(Array(authority.certificate.utf8)))
        tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(shown.certificate.utf8))
          .map { .certificate($0) }
        tls.privateKey = .privateKey(
          try NIOSSLPrivateKey(bytes: Array(shown.key.utf8), format: .pem))
        tls.applicationProtocols = ["h2"]
        let client = try await WireClient.connect(
          to: server.urls[0], tls: try NIOSSLContext(configuration: tls))
        let large = String(repeating: "x", count: 1 << 20)
        #expect(try await client.call("/test.Echo/Unary", [large]).messages == [large])
        #expect(log.text.first == "certificate alice")
        try await withTLSClient(of: server.urls[0], trusting: authority, showing: shown) { other in
          let answer = try await other.put("/k", "value=1")
          #expect(answer.status == 201)
        }
        await client.close()
      }
    }
  }

  /// Whatever pieces the preface comes in, and whatever looks like it at first.
  @Test func theFirstBytesTell() throws {
    let preface = PrefaceHandler.preface
    for count in 0..<preface.count {
      #expect(
        PrefaceHandler.verdict(ByteBuffer(bytes: preface[..<count]).readableBytesView) == .unknown)
      let other = ByteBuffer(bytes: preface[..<count] + [0x00])
      #expect(PrefaceHandler.verdict(other.readableBytesView) == .http1)
    }
    for rest in [[], [0x0D], [0x00]] as [[UInt8]] {
      #expect(PrefaceHandler.verdict(ByteBuffer(bytes: preface + rest).readableBytesView) == .http2)
    }
    #expect(PrefaceHandler.verdict(ByteBuffer(string: "PUT /").readableBytesView) == .http1)
  }

  @Test func aRequestThatBeginsLikeThePrefaceIsServed() async throws {
    try await withEchoServer { server, _ in
      let port = URL(string: server.urls[0])?.port ?? 0
      try await onThreadOfItsOwn {
        let connection = try RawConnection(host: "127.0.0.1", port: port)
        for piece in ["P", "U", "T /v2/keys/k?value=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
          _ = connection.send(Array(piece.utf8))
          usleep(20_000)
        }
        let head = try connection.readHead("PUT", until: .now + .seconds(60))
        #expect(head.status == 201)
      }
    }
  }

  // MARK: Pings

  private static let noPing = HTTP2Frame.FramePayload.ping(HTTP2PingData(), ack: false)

  @Test func tooManyPingsEndAConnection() async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      for _ in 0..<3 { try await client.send([Self.noPing], on: 0) }
      try await eventually { client.pongs == 3 }
      #expect(client.goAway == nil)
      try await client.send([Self.noPing], on: 0)
      try await eventually { client.isClosed }
      #expect(client.goAway?.code == .enhanceYourCalm)
      #expect(client.goAway?.text == "too_many_pings")
    }
  }

  @Test func aClientThatIsAnsweredMayPing() async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      for count in 1...20 {
        try await client.send([Self.noPing], on: 0)
        try await eventually { client.pongs == count }
        #expect(try await client.call("/test.Echo/Unary").status == 0)
      }
      #expect(client.goAway == nil)
      await client.close()
    }
  }

  /// Go's clients measure the way by a ping after what they get: there are many during one large answer.
  @Test func aClientMayPingDuringALargeAnswer() async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0], grants: false)
      let stream = try await client.open("/test.Echo/Large", messages: ["1000000"])
      try await eventually { client.soFar(stream).data.readableBytes == 65_535 }
      for count in 1...8 {
        for id in [0, stream] {
          try await client.send([.windowUpdate(windowSizeIncrement: 16_000)], on: id)
        }
        try await eventually {
          client.soFar(stream).data.readableBytes == 65_535 + 16_000 * count || client.isClosed
        }
        guard !client.isClosed else { break }
        try await client.send([Self.noPing], on: 0)
        try await eventually { client.pongs == count || client.isClosed }
      }
      #expect(client.goAway == nil)
      await client.close()
    }
  }

  // MARK: The end

  @Test func aStopAnswersWhatIsComplete() async throws {
    let calls = EchoCalls()
    let server = try await KVStoreServer.start(
      .memory, listenURLs: ["http://127.0.0.1:0"], name: "test", logger: .init(label: "test"),
      limits: ConnectionLimits(), calls: calls
    )
    let client = try await WireClient.connect(to: server.urls[0])
    let watch = try await client.open("/test.Echo/Stream", messages: ["a"])
    let unary = try await client.open("/test.Echo/Silent", messages: ["a"], ends: true)
    let idle = try await WireClient.connect(to: server.urls[0])
    let first = try await idle.open("/test.Echo/Unary", messages: ["a"], ends: true)
    #expect(try await idle.answer(to: first).status == 0)
    try await eventually { calls.log.text.contains("Silent half-closed") }
    try await eventually { client.soFar(watch).messages == ["a"] }
    await server.stop()
    // The stream's end comes at once, that of a call without an answer after the time for it.
    for stream in [watch, unary] {
      let answer = try await client.answer(to: stream)
      #expect(answer.status == 14)
      #expect(answer.text == "etcdserver: server stopped")
    }
    #expect(calls.log.text.suffix(2) == ["Stream cancelled", "Silent cancelled"])
    #expect(client.goAway == .init(lastStream: unary, code: .noError, text: ""))
    try await eventually { client.isClosed && idle.isClosed }
    #expect(idle.goAway == .init(lastStream: first, code: .noError, text: ""))
  }

  @Test func anIdleConnectionEnds() async throws {
    var limits = ConnectionLimits()
    limits.idleTime = .milliseconds(200)
    try await withEchoServer(limits: limits) { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      try await eventually { client.isClosed }
      #expect(client.goAway == .init(lastStream: 0, code: .noError, text: ""))
    }
  }

  /// A preface that is never finished has the time of a request.
  @Test func aHalfPrefaceEnds() async throws {
    var limits = ConnectionLimits()
    limits.requestTime = .milliseconds(100)
    try await withEchoServer(limits: limits) { server, _ in
      let port = URL(string: server.urls[0])?.port ?? 0
      try await onThreadOfItsOwn {
        let connection = try RawConnection(host: "127.0.0.1", port: port)
        _ = connection.send(Array("PRI * HT".utf8))
        #expect(throws: RawConnection.Failure.gone) {
          try connection.readHead("PUT", until: .now + .seconds(60))
        }
      }
    }
  }

  @Test func aConnectionThatIsOneTooManyIsToldSo() async throws {
    try await withEchoServer(maxConnections: 1) { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      #expect(try await client.call("/test.Echo/Unary").status == 0)
      let other = try await WireClient.connect(to: server.urls[0])
      let answer = try await other.call("/test.Echo/Unary")
      #expect(answer.head[":status"] == "503")
      #expect(String(buffer: answer.data).contains("--max-connections"))
      try await eventually { other.isClosed }
      // Streams are not counted.
      for _ in 0..<10 { _ = try await client.open("/test.Echo/Silent") }
      #expect(try await client.call("/test.Echo/Unary").status == 0)
      await client.close()
    }
  }

  /// Streams beyond the limit are refused, and their client may try again.
  @Test func aStreamBeyondTheLimitIsRefused() async throws {
    var limits = ConnectionLimits()
    limits.wire.pages = 2
    try await withEchoServer(limits: limits) { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      var streams: [Int] = []
      for _ in 0..<3 {
        streams.append(
          try await client.open(
            "/v2/keys/k?wait=true", [":method": "GET", "content-type": nil], ends: true))
      }
      #expect(try await client.answer(to: streams[2]).reset == .refusedStream)
      try await client.send([.rstStream(.cancel)], on: streams[0])
      let next = try await client.open(
        "/version", [":method": "GET", "content-type": nil], ends: true)
      #expect(try await client.answer(to: next).head[":status"] == "200")
      await client.close()
    }
  }

  /// Frames that break HTTP/2, and the code of the GOAWAY.
  @Test(
    arguments: [
      // A window of more than 31 bits.
      (RawFrames.frame(8, stream: 0, [0x7F, 0xFF, 0xFF, 0xFF]), 3),
      // DATA without a stream.
      (RawFrames.frame(0, stream: 0, [1]), 1),
      // Settings of five bytes.
      (RawFrames.frame(4, stream: 0, [0, 0, 0, 0, 0]), 6),
      // A frame of more than 16 KiB.
      (RawFrames.frame(0, stream: 1, Array(repeating: 0, count: 16_385)), 6),
      // Headers that no table has.
      (RawFrames.frame(1, flags: 0x5, stream: 3, [0xFF, 0xFF, 0xFF, 0x7F]), 9),
    ] as [([UInt8], Int)])
  func aBrokenFrameEndsTheConnection(frame: [UInt8], code: Int) async throws {
    try await withEchoServer { server, log in
      let port = URL(string: server.urls[0])?.port ?? 0
      try await onThreadOfItsOwn {
        let connection = try RawConnection(host: "127.0.0.1", port: port)
        let call =
          RawFrames.headers("/test.Echo/Silent", stream: 1)
          + RawFrames.data([0, 0, 0, 0, 1, 65], stream: 1)
        _ = connection.send(RawFrames.preface + call + frame)
        let frames = RawFrames.all(in: RawFrames.readToEnd(connection))
        #expect(frames.last { $0.type == 7 }?.payload.suffix(4) == [0, 0, 0, UInt8(code)])
      }
      try await eventually { log.text == ["Silent received 1", "Silent cancelled"] }
    }
  }
}
