import Foundation
import NIOCore
import NIOEmbedded
import NIOHPACK
import NIOHTTP2
import SeededRandom
import TestSupport
import Testing

@testable import KVStore

/// Whatever a client sends over HTTP/2, its calls get whole messages and one end, and its pages one request.
///
/// `Corpus/` has the inputs that every run plays first; see ``Fuzzer``.
@Suite(.takesTurns, .timeLimit(.minutes(60))) struct WireFuzzTests {
  private static func corpus(_ name: String) -> URL {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus/\(name)")
  }

  @Test func anyBytesAreMessagesOrRefused() async throws {
    try await onThreadOfItsOwn {
      try Fuzzer(corpus: Self.corpus("messages"), MessageFuzzer.play).run {
        MessageFuzzer.input(&$0)
      }
    }
  }

  @Test func anyHeadersAreOneRequestOrRefused() async throws {
    try await onThreadOfItsOwn {
      try Fuzzer(corpus: Self.corpus("headers"), HeaderFuzzer.play).run { HeaderFuzzer.input(&$0) }
    }
  }

  @Test func anyFramesLeaveTheConnectionWhole() async throws {
    try await onThreadOfItsOwn {
      try Fuzzer(corpus: Self.corpus("frames"), FrameFuzzer.play)
        .run(count: max(1, Fuzzer.count / 10)) { FrameFuzzer.input(&$0) }
    }
  }
}

extension Array {
  fileprivate func any(_ random: inout SeededGenerator) -> Element {
    self[Int.random(in: 0..<self.count, using: &random)]
  }
}

/// Bytes of a stream: the first one says how many come in one piece.
private enum MessageFuzzer {
  private static let limits: WireLimits = {
    var limits = WireLimits()
    limits.messageBytes = 20
    return limits
  }()

  static func input(_ random: inout SeededGenerator) -> [UInt8] {
    let pieces: [[UInt8]] = [
      [0], [0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 7], [0, 0, 0, 0, 3, 1, 2, 3], [1], [2],
      [0, 0, 0, 0, 20] + Array(repeating: 9, count: 20), [0, 0, 0, 0, 21], [255], [0, 0, 0, 0],
    ]
    return [UInt8.random(in: 1...9, using: &random)]
      + (0..<Int.random(in: 0..<6, using: &random)).flatMap { _ in pieces.any(&random) }
  }

  static func play(_ input: [UInt8]) -> Fuzzer.Outcome {
    let size = max(1, Int(input.first ?? 1))
    let bytes = Array(input.dropFirst())
    var state = CallState(limits: self.limits)
    var heard: [CallState.Delivery] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      state.received(
        ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)]), isLast: false)
      while let delivery = state.next() { heard.append(delivery) }
    }
    state.received(ByteBuffer(), isLast: true)
    while let delivery = state.next() { heard.append(delivery) }
    let (messages, end) = self.plain(bytes)
    let whole = messages.map { CallState.Delivery.message(ByteBuffer(bytes: $0)) }
    guard Array(heard.dropLast()) == whole else {
      return .init(problem: "heard \(heard) instead of \(messages)")
    }
    let heardEnd =
      switch heard.last {
      case .halfClosed?: "end"
      case .refusal(let status)?: "\(status.code)"
      case .message?, nil: "nothing"
      }
    guard heardEnd == end else { return .init(problem: "\(heardEnd) instead of \(end)") }
    return .init(reached: ["\(min(messages.count, 3))-\(end)"])
  }

  /// The same, read at once.
  private static func plain(_ bytes: [UInt8]) -> (messages: [[UInt8]], end: String) {
    var messages: [[UInt8]] = []
    var rest = bytes[...]
    while rest.count >= 5 {
      let head = Array(rest.prefix(5))
      let length = head[1...].reduce(0) { $0 << 8 | Int($1) }
      if length > self.limits.messageBytes { return (messages, "resourceExhausted") }
      if head[0] != 0 { return (messages, "internal") }
      guard rest.count >= 5 + length else { break }
      messages.append(Array(rest.dropFirst(5).prefix(length)))
      rest = rest.dropFirst(5 + length)
    }
    return (messages, rest.isEmpty ? "end" : "unknown")
  }
}

/// Lines of headers, a name and a value each, and a body after an empty line.
private enum HeaderFuzzer {
  private static let names = [
    ":method", ":path", ":scheme", ":authority", "host", "content-length", "transfer-encoding",
    "connection", "te", "expect", "x", "content-type", "origin", "", "x y", "X", "x\r", ":x",
  ].map { Array($0.utf8) }
  private static let values = [
    "GET", "PUT", "HEAD", "/", "/v2/keys/a?value=1", "h", "5", "0", "chunked", "trailers", "", " ",
    "100-continue", "a\r", "a\0b", "a b", "a HTTP/1.1", "\u{E9}", "http://h/", "*",
  ].map { Array($0.utf8) }

  static func input(_ random: inout SeededGenerator) -> [UInt8] {
    var lines = [
      Array(":method".utf8) + [0] + ["GET", "PUT"].map { Array($0.utf8) }.any(&random),
      Array(":path".utf8) + [0] + Array("/v2/keys/a".utf8),
      Array("host".utf8) + [0] + Array("h".utf8),
    ]
    for _ in 0..<Int.random(in: 0..<4, using: &random) {
      lines.insert(
        self.names.any(&random) + [0] + self.values.any(&random),
        at: Int.random(in: 0...lines.count, using: &random))
    }
    if Bool.random(using: &random) {
      lines += [[], self.values.any(&random) + self.values.any(&random)]
    }
    return Array(lines.joined(separator: [0x0A]))
  }

  static func play(_ input: [UInt8]) -> Fuzzer.Outcome {
    let lines = input.split(separator: 0x0A, omittingEmptySubsequences: false)
    var headers = HPACKHeaders()
    for line in lines.prefix(while: { !$0.isEmpty }) {
      let parts = line.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
      headers.add(
        name: String(decoding: parts[0], as: UTF8.self),
        value: String(decoding: parts.count > 1 ? parts[1] : [], as: UTF8.self))
    }
    let body = lines.drop { !$0.isEmpty }.dropFirst().joined()
    let hasBody = lines.contains { $0.isEmpty }
    var stream = PageStream()
    do throws(PageStream.Malformed) {
      var bytes = try stream.headers(headers, isLast: !hasBody)
      if hasBody { bytes.writeImmutableBuffer(stream.body(ByteBuffer(bytes: body), isLast: true)) }
      return self.parsed(bytes, Array(body), hasBody: hasBody)
    } catch {
      return .init(reached: ["malformed"])
    }
  }

  private static func parsed(
    _ bytes: ByteBuffer, _ body: [UInt8], hasBody: Bool
  ) -> Fuzzer.Outcome {
    var bytes = bytes
    var parser = RequestParser()
    var received: [UInt8] = []
    var heads = 0
    var ends = 0
    do throws(RequestError) {
      while let part = try parser.next(&bytes) {
        switch part {
        case .head: heads += 1
        case .body(let part): received += part.readableBytesView
        case .end: ends += 1
        }
      }
    } catch {
      // Refused as over HTTP/1: the connection of this stream ends, and nothing after it is read.
      return heads == 0
        ? .init(reached: ["refused"]) : .init(problem: "refused after its head: \(error)")
    }
    guard heads == 1, ends == 1, bytes.readableBytes == 0, received == body else {
      return .init(
        problem: "\(heads) heads, \(ends) ends, \(bytes.readableBytes) bytes left, body \(received)"
      )
    }
    return .init(reached: [hasBody ? "with-body" : "without-body"])
  }
}

/// Frames after a preface, against the handlers of a connection.
private enum FrameFuzzer {
  static func input(_ random: inout SeededGenerator) -> [UInt8] {
    (0..<Int.random(in: 1..<12, using: &random)).flatMap { _ in self.frame(&random) }
  }

  private static func frame(_ random: inout SeededGenerator) -> [UInt8] {
    let stream = [1, 1, 1, 3, 3, 5, 7].any(&random)
    let ends = Bool.random(using: &random)
    switch Int.random(in: 0..<20, using: &random) {
    case 0..<6:
      let method = ["Unary", "Stream", "Fail", "Silent", "Flood", "Refuse", "Nothing"].any(&random)
      return RawFrames.headers("/test.Echo/\(method)", stream: stream, endStream: ends)
    case 6..<12:
      let pieces: [[UInt8]] = [
        [], [0], [0, 0, 0, 0, 1, 65], [0, 0, 0, 0, 2, 65], [66], [1, 0, 0, 0, 0],
        [0, 255, 255, 255, 255], [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 67],
      ]
      return RawFrames.data(pieces.any(&random), stream: stream, endStream: ends)
    case 12: return RawFrames.frame(3, stream: stream, [0, 0, 0, 8])
    case 13:
      let size = [1, 1_000, 65_535, 200_000, 0x7FFF_FFFF, 0].any(&random)
      return RawFrames.frame(
        8, stream: [0, stream].any(&random), (0..<4).map { UInt8(size >> (24 - 8 * $0) & 0xFF) })
    case 14:
      return RawFrames.frame(
        4, stream: 0,
        [
          [], [0, 4, 0, 0, 0, 0], [0, 4, 0, 1, 0, 0], [0, 5, 0, 0, 0x40, 0], [0, 4, 0xFF, 0, 0, 0],
        ]
        .any(&random))
    case 15:
      return RawFrames.frame(6, flags: ends ? 1 : 0, stream: 0, Array(repeating: 0, count: 8))
    case 16: return RawFrames.frame(7, stream: 0, Array(repeating: 0, count: 8))
    case 17:
      return RawFrames.headers(
        [("x", "y"), ("grpc-timeout", "1n")], stream: stream, endStream: ends)
    case 18:
      return RawFrames.headers(
        [
          (":method", "GET"), (":scheme", "http"), (":path", "/version"), (":authority", "h"),
        ], stream: stream, endStream: ends)
    default:
      return (0..<Int.random(in: 0..<12, using: &random)).map { _ in
        UInt8.random(in: 0...9, using: &random)
      }
    }
  }

  static func play(_ input: [UInt8]) -> Fuzzer.Outcome {
    do {
      return try self.playOrThrow(input)
    } catch {
      return .init(problem: "\(error)")
    }
  }

  private static func playOrThrow(_ input: [UInt8]) throws -> Fuzzer.Outcome {
    var limits = ConnectionLimits()
    // A page has a store behind it, and a store has threads.
    limits.wire.pages = 0
    let calls = EchoCalls()
    let channel = EmbeddedChannel()
    let handler = HTTP2ConnectionHandler(calls: calls, limits: limits, certificateName: nil) {
      fatalError("there are no pages")
    }
    try channel.pipeline.syncOperations.addHandlers([
      NIOHTTP2Handler(mode: .server, frameDelegate: handler), handler,
    ])
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    // Errors of the client come out of the channel's end.
    for bytes in [RawFrames.preface, input] where channel.isActive {
      _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
      channel.embeddedEventLoop.run()
    }
    var sent: [UInt8] = []
    while let part = try channel.readOutbound(as: IOData.self) {
      if case .byteBuffer(let bytes) = part { sent += bytes.readableBytesView }
    }
    if handler.openCalls.values.contains(where: { $0.state.bytesBehind > 200_000 }) {
      return .init(problem: "a call with \(handler.openCalls.map(\.value.state.bytesBehind)) bytes")
    }
    _ = try? channel.finish(acceptAlreadyClosed: true)
    channel.embeddedEventLoop.run()
    guard handler.openCalls.values.allSatisfy(\.state.isEnded) else {
      return .init(problem: "calls that never end")
    }
    return self.outcome(RawFrames.all(in: sent), calls.log.text)
  }

  private static func outcome(_ frames: [RawFrames.Frame], _ log: [String]) -> Fuzzer.Outcome {
    var reached: Set<String> = []
    var ended: Set<Int> = []
    for frame in frames {
      switch frame.type {
      case 0, 1:
        if ended.contains(frame.stream) { return .init(problem: "more after the end: \(frame)") }
        if frame.flags & 1 != 0 { ended.insert(frame.stream) }
      case 3: ended.insert(frame.stream)
      case 7: reached.insert("goaway-\(frame.payload[7])")
      default: break
      }
      if frame.type == 3 { reached.insert("reset-\(frame.payload[3])") }
    }
    for line in log { reached.insert(line.replacing(/[0-9]/, with: "n")) }
    return .init(reached: reached)
  }
}
