import ArgumentParser
import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2
import NIOPosix

/// An HTTP server with SwiftNIO's stock codec and the same answer to every request, as a process of its own.
package struct BareServer: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "bare", abstract: "Serve one fixed answer over HTTP.", shouldDisplay: false)

  @Option(help: "The port of 127.0.0.1 to listen on.") var port: Int
  @Option(help: "The length of the answer's body.") var bodyBytes: Int
  @Flag(help: "Answer calls of gRPC over HTTP/2 instead, each message with one.") var calls = false

  package init() {}

  /// Serves until the task is cancelled.
  package func run() async throws {
    let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: self.bodyBytes)
    let calls = self.calls
    // As many threads as kvstore has, and the same options on its sockets.
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if calls { return try FixedCallAnswer.serve(channel, body) }
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: false, withErrorHandling: false)
          try channel.pipeline.syncOperations.addHandler(FixedAnswer(body: body))
        }
      }
      .bind(host: "127.0.0.1", port: self.port).get()
    await withTaskCancellationHandler {
      try? await listener.closeFuture.get()
    } onCancel: {
      listener.close(promise: nil)
    }
  }
}

private final class FixedAnswer: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let body: ByteBuffer
  private let head: HTTPResponseHead

  init(body: ByteBuffer) {
    self.body = body
    self.head = HTTPResponseHead(
      version: .http1_1, status: .ok,
      headers: [
        "Content-Type": "application/json", "Content-Length": "\(body.readableBytes)",
      ])
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .end = self.unwrapInboundIn(data) else { return }
    context.write(self.wrapOutboundOut(.head(self.head)), promise: nil)
    context.write(self.wrapOutboundOut(.body(.byteBuffer(self.body))), promise: nil)
    context.write(self.wrapOutboundOut(.end(nil)), promise: nil)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    context.flush()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}

/// Answers each message of a call, and the call once it is whole. A call has no channel of its own.
private final class FixedCallAnswer: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  private static let head: HPACKHeaders = [":status": "200", "content-type": "application/grpc"]
  private static let trailers: HPACKHeaders = ["grpc-status": "0", "grpc-message": ""]

  private let message: ByteBuffer
  /// The bytes that each open stream has sent since it was granted some, and the connection.
  private var received: [HTTP2StreamID: Int] = [:]

  private init(body: ByteBuffer) {
    var message = ByteBuffer()
    message.writeInteger(0 as UInt8)
    message.writeInteger(UInt32(body.readableBytes))
    message.writeImmutableBuffer(body)
    self.message = message
  }

  static func serve(_ channel: any Channel, _ body: ByteBuffer) throws {
    try channel.pipeline.syncOperations.addHandlers([
      NIOHTTP2Handler(mode: .server), FixedCallAnswer(body: body),
    ])
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = self.unwrapInboundIn(data)
    guard case .data(let data) = frame.payload else { return }
    func write(_ payload: HTTP2Frame.FramePayload) {
      context.write(
        self.wrapOutboundOut(HTTP2Frame(streamID: frame.streamID, payload: payload)), promise: nil)
    }
    if data.data.readableBytes > 0 {
      if self.received[frame.streamID] == nil { write(.headers(.init(headers: Self.head))) }
      self.grant(data.data.readableBytes, on: .rootStream, context)
      self.grant(data.data.readableBytes, on: frame.streamID, context)
      write(.data(.init(data: .byteBuffer(self.message))))
    }
    if data.endStream {
      self.received[frame.streamID] = nil
      write(.headers(.init(headers: Self.trailers, endStream: true)))
    }
  }

  private func grant(_ byteCount: Int, on id: HTTP2StreamID, _ context: ChannelHandlerContext) {
    let byteCount = self.received[id, default: 0] + byteCount
    self.received[id] = byteCount < 16 << 10 ? byteCount : 0
    guard byteCount >= 16 << 10 else { return }
    let grant = HTTP2Frame(
      streamID: id, payload: .windowUpdate(windowSizeIncrement: byteCount))
    context.write(self.wrapOutboundOut(grant), promise: nil)
  }

  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A stream that a client has left.
    if !(error is any NIOHTTP2Error) { context.close(promise: nil) }
  }
}
