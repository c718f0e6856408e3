import NIOCore
import NIOHTTP2
import TestSupport
import Testing

@testable import KVStore

/// gRPC on real sockets.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct WireTests {
  @Test func aCallIsAnswered() async throws {
    try await withEchoServer { server, log in
      let client = try await WireClient.connect(to: server.urls[0])
      let answer = try await client.call("/test.Echo/Unary")
      #expect(answer.messages == ["hello"])
      #expect(
        answer.headers == [
          [":status": "200", "content-type": "application/grpc"],
          ["grpc-status": "0", "grpc-message": ""],
        ])
      // A unary call is over with its answer, so it hears no half-close.
      #expect(log.text == ["Unary received 5"])
      await client.close()
    }
  }

  @Test func aHundredCallsShareAConnection() async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      var streams: [Int] = []
      for number in 0..<100 {
        streams.append(
          try await client.open("/test.Echo/Unary", messages: ["\(number)"], ends: true))
      }
      for (number, stream) in streams.enumerated() {
        #expect(try await client.answer(to: stream).messages == ["\(number)"])
      }
      await client.close()
    }
  }

  // MARK: Framing

  /// Cut into two DATA frames at each byte, and into frames of one byte each.
  @Test func messagesMayBeCutAnywhere() async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      var bytes = WireClient.message("first")
      bytes.writeImmutableBuffer(WireClient.message(""))
      bytes.writeImmutableBuffer(WireClient.message("third"))
      let whole = bytes.readableBytes
      let cuts = (0...whole).map { [$0, whole - $0] } + [Array(repeating: 1, count: whole)]
      for cut in cuts {
        let stream = try await client.open("/test.Echo/Stream")
        var rest = bytes
        for length in cut where length > 0 {
          let part = rest.readSlice(length: length) ?? ByteBuffer()
          try await client.send(
            [WireClient.data(part, endStream: rest.readableBytes == 0)], on: stream)
        }
        let answer = try await client.answer(to: stream)
        #expect(answer.messages == ["first", "", "third"], "cut into \(cut)")
        #expect(answer.status == 0)
      }
      await client.close()
    }
  }

  @Test func manyMessagesMayComeInOneFrame() async throws {
    try await withEchoServer { server, log in
      let client = try await WireClient.connect(to: server.urls[0])
      let stream = try await client.open("/test.Echo/Stream")
      var bytes = ByteBuffer()
      for number in 0..<1_000 { bytes.writeImmutableBuffer(WireClient.message("\(number)")) }
      try await client.send([WireClient.data(bytes)], on: stream)
      try await eventually { client.soFar(stream).messages.count == 1_000 }
      #expect(client.soFar(stream).messages == (0..<1_000).map { "\($0)" })
      // The end comes alone, in an empty frame, as from many clients.
      try await client.send([WireClient.data(ByteBuffer(), endStream: true)], on: stream)
      #expect(try await client.answer(to: stream).status == 0)
      #expect(log.text.last == "Stream half-closed")
      await client.close()
    }
  }

  @Test(arguments: [100_000, 1 << 20, 2 << 20]) func aMessageMayFillManyFrames(
    size: Int
  ) async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      let message = String(repeating: "m", count: size)
      let answer = try await client.call("/test.Echo/Unary", [message])
      #expect(answer.messages == [message])
      #expect(answer.status == 0)
      await client.close()
    }
  }

  /// A stream of a malformed call, and how it ends.
  @Test(
    arguments: [
      ([0, 0, 32, 0, 1], 8, "grpc: received message larger than max (2097153 vs. 2097152)"),
      (
        [0, 255, 255, 255, 255], 8,
        "grpc: received message larger than max (4294967295 vs. 2097152)"
      ),
      ([1, 0, 0, 0, 1, 7], 13, "grpc: compressed flag set with identity or empty encoding"),
      ([9, 0, 0, 0, 0], 13, "grpc: received unexpected payload format 9"),
      ([0, 0, 0, 0, 4, 1, 2, 3], 2, "unexpected EOF"), ([0, 0], 2, "unexpected EOF"),
    ] as [([UInt8], Int, String)])
  func aMalformedMessageEndsItsCall(bytes: [UInt8], code: Int, text: String) async throws {
    try await withEchoServer { server, log in
      let client = try await WireClient.connect(to: server.urls[0])
      let stream = client.newStream()
      try await client.send(
        [
          WireClient.headers("/test.Echo/Stream"),
          WireClient.data(ByteBuffer(bytes: bytes), endStream: true),
        ], on: stream)
      let answer = try await client.answer(to: stream)
      #expect(answer.headers.count == 1, "trailers only")
      #expect(answer.head[":status"] == "200")
      #expect(answer.status == code)
      #expect(answer.text == text)
      #expect(log.text == ["Stream cancelled"])
      #expect(try await client.call("/test.Echo/Unary").status == 0, "the connection lives on")
      await client.close()
    }
  }

  /// The refusal comes with the length, long before so many bytes.
  @Test func aMessageThatIsTooLargeIsNotWaitedFor() async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      let stream = client.newStream()
      try await client.send(
        [
          WireClient.headers("/test.Echo/Unary"),
          WireClient.data(ByteBuffer(bytes: [0, 0x7F, 0, 0, 0])),
        ], on: stream)
      let answer = try await client.answer(to: stream)
      #expect(answer.status == 8)
      // The client may stop sending.
      try await eventually { client.soFar(stream).reset == .noError }
      await client.close()
    }
  }

  /// A client that begins large messages on many streams cannot fill the server's memory.
  @Test func incompleteMessagesAreBoundedTogether() async throws {
    var limits = ConnectionLimits()
    limits.wire.allBytesAhead = 35_000
    try await withEchoServer(limits: limits) { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      // One frame each, so that the fourth stream goes beyond.
      let part = ByteBuffer(bytes: [0, 0, 0x10, 0, 0] + [UInt8](repeating: 7, count: 10_000))
      let streams = [
        client.newStream(), client.newStream(), client.newStream(), client.newStream(),
      ]
      for stream in streams {
        try await client.send(
          [WireClient.headers("/test.Echo/Unary"), WireClient.data(part)], on: stream)
      }
      let answer = try await client.answer(to: streams[3])
      #expect(answer.status == 8)
      // What it held is given back: another one has its place, and those before are still open.
      #expect(
        try await client.call("/test.Echo/Unary", [String(repeating: "a", count: 9_000)]).status
          == 0)
      for stream in streams.dropLast() { #expect(!client.soFar(stream).isEnded) }
      await client.close()
    }
  }

  // MARK: Headers

  @Test(
    arguments: [
      ("application/grpc", "application/grpc"),
      ("application/grpc+proto", "application/grpc+proto"),
      ("application/grpc;charset=utf-8", "application/grpc+charset=utf-8"),
      ("Application/GRPC+JSON", "application/grpc+json"),
      ("application/grpc+", "application/grpc"),
    ])
  func aContentTypeIsAnsweredInKind(type: String, answered: String) async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      let answer = try await client.call("/test.Echo/Unary", ["a"], ["content-type": type])
      #expect(answer.status == 0)
      #expect(answer.head["content-type"] == answered)
      await client.close()
    }
  }

  @Test(
    arguments: [
      ["content-type": "application/json"], ["content-type": "application/grpc-web"],
      ["content-type": nil], ["grpc-timeout": "5"], ["grpc-timeout": "xS"],
      ["grpc-timeout": "123456789S"], ["grpc-timeout": "-1S"], ["grpc-timeout": ""],
    ] as [[String: String?]])
  func whatIsNoCallIsReset(headers: [String: String?]) async throws {
    try await withEchoServer { server, log in
      let client = try await WireClient.connect(to: server.urls[0])
      let answer = try await client.call("/test.Echo/Unary", ["a"], headers)
      #expect(answer.reset == .protocolError)
      #expect(answer.headers.isEmpty)
      #expect(log.text.isEmpty)
      #expect(try await client.call("/test.Echo/Unary").status == 0, "the connection lives on")
      await client.close()
    }
  }

  @Test(
    arguments: [
      ("/test.Echo/Nothing", [:], 12, "unknown method Nothing for service test.Echo"),
      ("/test.Nothing/Unary", [:], 12, "unknown service test.Nothing"),
      ("/Range", [:], 8, "malformed method name: \"/Range\""),
      ("/", [:], 8, "malformed method name: \"/\""),
      ("nonsense", [:], 8, "malformed method name: \"nonsense\""),
      ("/test.Echo/Refuse", [:], 7, "k%C3%A4se %25%0A"),
      (
        "/test.Echo/Unary", ["grpc-encoding": "gzip"], 12,
        "grpc: Decompressor is not installed for grpc-encoding \"gzip\""
      ),
    ] as [(String, [String: String?], Int, String)])
  func aRefusalIsTrailersOnly(
    path: String, headers: [String: String?], code: Int, text: String
  ) async throws {
    try await withEchoServer { server, log in
      let client = try await WireClient.connect(to: server.urls[0])
      let answer = try await client.call(path, ["a"], headers)
      #expect(answer.headers.count == 1)
      #expect(answer.head[":status"] == "200")
      #expect(answer.head["content-type"] == "application/grpc")
      #expect(answer.status == code)
      #expect(answer.text == text)
      #expect(answer.data.readableBytes == 0)
      #expect(log.text.isEmpty)
      await client.close()
    }
  }

  @Test func aCallMayFailBeforeItsFirstMessage() async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      let answer = try await client.call("/test.Echo/Fail", ["no\nway"])
      #expect(answer.headers.count == 1)
      #expect(answer.status == 10)
      #expect(answer.text == "no%0Away")
      await client.close()
    }
  }

  @Test func theTokenIsSeen() async throws {
    try await withEchoServer { server, log in
      let client = try await WireClient.connect(to: server.urls[0])
      _ = try await client.call("/test.Echo/Silent", [], ["token": "t1", "grpc-timeout": "1m"])
      _ = try await client.call(
        "/test.Echo/Silent", [], ["authorization": "t2", "grpc-timeout": "1m"])
      #expect(log.text.filter { $0.hasPrefix("token") } == ["token t1", "token t2"])
      await client.close()
    }
  }

  // MARK: Ends

  @Test func aDeadlineEndsACall() async throws {
    try await withEchoServer { server, log in
      let client = try await WireClient.connect(to: server.urls[0])
      // Another one, far away, comes first.
      let patient = try await client.open("/test.Echo/Silent", ["grpc-timeout": "99999999H"])
      let answer = try await client.call("/test.Echo/Silent", ["a"], ["grpc-timeout": "100m"])
      #expect(answer.status == 4)
      #expect(answer.text == "context deadline exceeded")
      #expect(log.text.last == "Silent cancelled")
      #expect(!client.soFar(patient).isEnded)
      await client.close()
    }
  }

  @Test func aClientMayCancelACall() async throws {
    try await withEchoServer { server, log in
      let client = try await WireClient.connect(to: server.urls[0])
      let stream = try await client.open("/test.Echo/Silent", messages: ["a"])
      try await eventually { log.text == ["Silent received 1"] }
      try await client.send([.rstStream(.cancel)], on: stream)
      try await eventually { log.text.last == "Silent cancelled" }
      #expect(try await client.call("/test.Echo/Unary").status == 0, "the connection lives on")
      await client.close()
    }
  }

  @Test func aLostConnectionCancelsItsCalls() async throws {
    try await withEchoServer { server, log in
      let client = try await WireClient.connect(to: server.urls[0])
      for _ in 0..<3 { _ = try await client.open("/test.Echo/Silent", messages: ["a"]) }
      try await eventually { log.text.count == 3 }
      await client.close()
      try await eventually { log.text.filter { $0 == "Silent cancelled" }.count == 3 }
    }
  }

  @Test func nothingFollowsTheEnd() async throws {
    try await withEchoServer { server, log in
      let client = try await WireClient.connect(to: server.urls[0])
      let answer = try await client.call("/test.Echo/Unary", ["one", "two"])
      #expect(answer.messages == ["one"])
      #expect(answer.status == 0)
      #expect(log.text == ["Unary received 3"])
      await client.close()
    }
  }

  // MARK: Back-pressure

  @Test func aClientThatGrantsNothingIsNotWrittenTo() async throws {
    try await withEchoServer { server, log in
      let client = try await WireClient.connect(to: server.urls[0], grants: false)
      let stream = try await client.open("/test.Echo/Flood", messages: ["go"])
      // The window that HTTP/2 begins with, and what may wait behind it.
      let most = 65_535 + ConnectionLimits().wire.bytesBehind + 10_000
      try await eventually { log.sentBytes > most - 12_000 }
      let sent = log.sentBytes
      #expect(sent < most)
      // Another call on the same connection is not held up, but for the connection's window.
      let other = try await client.open("/test.Echo/Fail", messages: ["no"], ends: true)
      #expect(try await client.answer(to: other).status == 10)
      #expect(log.sentBytes == sent)
      // What it grants is what comes.
      for id in [0, stream] {
        try await client.send([.windowUpdate(windowSizeIncrement: 200_000)], on: id)
      }
      try await eventually { client.soFar(stream).data.readableBytes == 265_535 }
      #expect(log.sentBytes < most + 200_000)
      await client.close()
      try await eventually { log.text.last == "Flood cancelled" }
    }
  }

  /// A client that sends on without reading is not granted more, so what waits for it stays small.
  @Test func aClientThatDoesNotReadIsNotHeard() async throws {
    try await withEchoServer { server, log in
      let client = try await WireClient.connect(to: server.urls[0], grants: false)
      let stream = try await client.open("/test.Echo/Stream")
      let message = String(repeating: "m", count: 10_000)
      for _ in 0..<100 {
        try await client.send([WireClient.data(WireClient.message(message))], on: stream)
      }
      try await eventually { log.text.count >= 7 }
      // Two pings later all that could come has come.
      for count in 1...2 {
        try await client.send([.ping(HTTP2PingData(), ack: false)], on: 0)
        try await eventually { client.pongs == count }
      }
      #expect(log.text.count < 20)
      for id in [0, stream] {
        try await client.send([.windowUpdate(windowSizeIncrement: 2_000_000)], on: id)
      }
      try await eventually { client.soFar(stream).messages.count == 100 }
      await client.close()
    }
  }

  @Test func anAnswerMayBeLarge() async throws {
    try await withEchoServer { server, _ in
      let client = try await WireClient.connect(to: server.urls[0])
      let answer = try await client.call("/test.Echo/Large", ["9000000"])
      #expect(answer.messages.map(\.utf8.count) == [9_000_000])
      #expect(answer.status == 0)
      await client.close()
    }
  }
}
