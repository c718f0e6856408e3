import Foundation
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport

@testable import KVStore

/// A client's end of an HTTP/2 connection, frame by frame.
final class WireClient: Sendable {
  /// What has come on a stream.
  struct Answer: Sendable {
    /// The answer's, and the trailers.
    var headers: [[String: String]] = []
    var data = ByteBuffer()
    var isEnded = false
    var reset: HTTP2ErrorCode?

    var head: [String: String] { self.headers.first ?? [:] }
    var trailers: [String: String] { self.headers.last ?? [:] }
    var status: Int? { self.trailers["grpc-status"].flatMap { Int($0) } }
    var text: String? { self.trailers["grpc-message"] }
    /// Those that are complete.
    var messages: [String] {
      var data = self.data
      var messages: [String] = []
      while let flag = data.readInteger(as: UInt8.self), flag == 0,
        let length = data.readInteger(as: UInt32.self),
        let message = data.readString(length: Int(length))
      {
        messages.append(message)
      }
      return messages
    }
  }

  struct GoAway: Equatable, Sendable {
    var lastStream: Int
    var code: HTTP2ErrorCode
    var text: String
  }

  fileprivate struct State: Sendable {
    var answers: [Int: Answer] = [:]
    var goAway: GoAway?
    var pongs = 0
    var isClosed = false
  }

  fileprivate final class Seen: Sendable {
    let state = Mutex(State())
  }

  private let channel: any Channel
  private let seen: Seen
  private let lastStream = Mutex(-1)

  private init(_ channel: any Channel, _ seen: Seen) {
    (self.channel, self.seen) = (channel, seen)
  }

  /// - Parameters:
  ///   - grants: whether the server may send more than HTTP/2's first window.
  ///   - tls: with ALPN.
  static func connect(
    to url: String, grants: Bool = true, tls: NIOSSLContext? = nil
  ) async throws -> WireClient {
    let seen = Seen()
    let port = URL(string: url)?.port ?? 0
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          if let tls {
            try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil))
          }
          var connection = NIOHTTP2Handler.ConnectionConfiguration()
          connection.headerBlockValidation = .disabled
          connection.contentLengthValidation = .disabled
          try pipeline.addHandlers([
            NIOHTTP2Handler(mode: .client, connectionConfiguration: connection),
            Recorder(seen: seen, grants: grants),
          ])
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    return WireClient(channel, seen)
  }

  func close() async { try? await self.channel.close() }

  // MARK: What it sends

  typealias Payload = HTTP2Frame.FramePayload

  /// In one write.
  func send(_ payloads: [Payload], on stream: Int) async throws {
    let channel = self.channel
    try await channel.eventLoop.submit {
      for payload in payloads {
        channel.write(
          HTTP2Frame(streamID: HTTP2StreamID(stream), payload: payload), promise: nil)
      }
      channel.flush()
    }.get()
  }

  func newStream() -> Int {
    self.lastStream.withLock {
      $0 += 2
      return $0
    }
  }

  static func headers(
    _ path: String, _ extra: [String: String?] = [:], endStream: Bool = false
  ) -> Payload {
    var fields: [(String, String?)] = [
      (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
      ("te", "trailers"), ("content-type", "application/grpc"),
    ]
    for (name, value) in extra.sorted(by: { $0.key < $1.key }) {
      if let index = fields.firstIndex(where: { $0.0 == name }) {
        fields[index].1 = value
      } else {
        fields.append((name, value))
      }
    }
    let headers = HPACKHeaders(fields.compactMap { name, value in value.map { (name, $0) } })
    return .headers(.init(headers: headers, endStream: endStream))
  }

  static func data(_ bytes: ByteBuffer, endStream: Bool = false) -> Payload {
    .data(.init(data: .byteBuffer(bytes), endStream: endStream))
  }

  /// With its prefix.
  static func message(_ text: String, flag: UInt8 = 0) -> ByteBuffer {
    var bytes = ByteBuffer()
    bytes.writeInteger(flag)
    bytes.writeInteger(UInt32(text.utf8.count))
    bytes.writeString(text)
    return bytes
  }

  /// Opens a stream.
  func open(
    _ path: String, _ extra: [String: String?] = [:], messages: [String] = [], ends: Bool = false
  ) async throws -> Int {
    let stream = self.newStream()
    var payloads = [Self.headers(path, extra, endStream: ends && messages.isEmpty)]
    for (index, message) in messages.enumerated() {
      payloads.append(
        Self.data(Self.message(message), endStream: ends && index == messages.count - 1))
    }
    try await self.send(payloads, on: stream)
    return stream
  }

  /// Opens a stream, sends these messages and its end, and waits for the answer.
  func call(
    _ path: String, _ messages: [String] = ["hello"], _ extra: [String: String?] = [:]
  ) async throws -> Answer {
    try await self.answer(to: self.open(path, extra, messages: messages, ends: true))
  }

  // MARK: What has come

  func soFar(_ stream: Int) -> Answer {
    self.seen.state.withLock { $0.answers[stream] ?? Answer() }
  }

  /// The whole answer.
  func answer(to stream: Int) async throws -> Answer {
    try await eventually("the end of stream \(stream): \(self.soFar(stream))") {
      let answer = self.soFar(stream)
      return answer.isEnded || answer.reset != nil || self.isClosed
    }
    return self.soFar(stream)
  }

  var isClosed: Bool { self.seen.state.withLock { $0.isClosed } }
  var goAway: GoAway? { self.seen.state.withLock { $0.goAway } }
  var pongs: Int { self.seen.state.withLock { $0.pongs } }
}

private final class Recorder: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  private let seen: WireClient.Seen
  private let grants: Bool

  init(seen: WireClient.Seen, grants: Bool) { (self.seen, self.grants) = (seen, grants) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = self.unwrapInboundIn(data)
    let stream = Int(frame.streamID)
    let byteCount = self.seen.state.withLock { state in
      switch frame.payload {
      case .headers(let headers):
        state.answers[stream, default: .init()].headers.append(
          Dictionary(
            headers.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { "\($0), \($1)" }))
        if headers.endStream { state.answers[stream]?.isEnded = true }
      case .data(let data):
        guard case .byteBuffer(let bytes) = data.data else { break }
        state.answers[stream, default: .init()].data.writeImmutableBuffer(bytes)
        if data.endStream { state.answers[stream]?.isEnded = true }
        return data.endStream ? 0 : bytes.readableBytes
      case .rstStream(let code): state.answers[stream, default: .init()].reset = code
      case .goAway(let last, let code, let text):
        state.goAway = .init(
          lastStream: Int(last), code: code, text: text.map { String(buffer: $0) } ?? "")
      case .ping(_, ack: true): state.pongs += 1
      default: break
      }
      return 0
    }
    guard self.grants, byteCount > 0 else { return }
    for id in [HTTP2StreamID.rootStream, frame.streamID] {
      let update = HTTP2Frame(
        streamID: id, payload: .windowUpdate(windowSizeIncrement: byteCount))
      context.write(self.wrapOutboundOut(update), promise: nil)
    }
    context.flush()
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.seen.state.withLock { $0.isClosed = true }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
