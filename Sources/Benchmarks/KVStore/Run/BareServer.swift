import ArgumentParser
import NIOCore
import NIOHTTP1
import NIOPosix

/// An HTTP server with SwiftNIO's stock codec and the same answer to every request, as a process of its own.
package struct BareServer: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "bare", abstract: "Serve one fixed answer over HTTP.", shouldDisplay: false)

  @Option(help: "The port of 127.0.0.1 to listen on.") var port: Int
  @Option(help: "The length of the answer's body.") var bodyBytes: Int

  package init() {}

  /// Serves until the task is cancelled.
  package func run() async throws {
    let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: self.bodyBytes)
    // As many threads as kvstore has, and the same options on its sockets.
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
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
