import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// A request of one of our own clients.
package struct Request: Sendable {
  package let method: HTTPMethod
  package let target: String
  /// The body, a form; `nil` for none.
  package let form: String?

  package init(_ method: HTTPMethod, _ target: String, form: String? = nil) {
    self.method = method
    self.target = target
    self.form = form
  }

  /// Writes it to a connection that has no request under way.
  package func write(to channel: any Channel) {
    var headers: HTTPHeaders = ["Host": "127.0.0.1"]
    if let form {
      headers.add(name: "Content-Type", value: Keys.formType)
      headers.add(name: "Content-Length", value: "\(form.utf8.count)")
    }
    let head = HTTPRequestHead(
      version: .http1_1, method: self.method, uri: self.target, headers: headers)
    channel.write(HTTPClientRequestPart.head(head), promise: nil)
    if let form {
      channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: form))), promise: nil)
    }
    channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
  }
}

/// Connections to one server, each with at most one request under way.
package struct Connections: Sendable {
  /// An event of a connection, on its thread.
  package enum Event: Sendable {
    /// The head of an answer arrived.
    case head(status: Int)
    case end(bodyBytes: Int)
    case closed
  }

  /// Gets the number of the connection with each event.
  package typealias Report =
    @Sendable (_ index: Int, _ event: Event, _ channel: any Channel) -> Void

  package let channels: [any Channel]

  /// How many connections are opened at a time, so that the server's backlog does not overflow.
  private static let batch = 128

  package static func open(
    _ count: Int, port: Int, on eventLoop: any EventLoop, report: @escaping Report
  ) async throws -> Connections {
    var channels: [any Channel] = []
    do {
      while channels.count < count {
        let indices = channels.count..<min(channels.count + Self.batch, count)
        let connecting = indices.map { index in
          ClientBootstrap(group: eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
              channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(
                  AnswerHandler { report(index, $0, channel) })
              }
            }
            .connect(host: "127.0.0.1", port: port)
        }
        for future in connecting { channels.append(try await future.get()) }
      }
    } catch {
      await Connections(channels: channels).close()
      throw error
    }
    return Connections(channels: channels)
  }

  /// Closes them with a reset: ten thousand lingering ones would use up the ports.
  package func close() async {
    for channel in self.channels {
      if let socket = channel as? any SocketOptionProvider {
        try? await socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
      }
      try? await channel.close()
    }
  }
}

/// Reports answers and keeps none of their bytes.
private final class AnswerHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart

  private let report: (Connections.Event) -> Void
  private var bodyBytes = 0

  init(report: @escaping (Connections.Event) -> Void) { self.report = report }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch self.unwrapInboundIn(data) {
    case .head(let head):
      self.bodyBytes = 0
      self.report(.head(status: Int(head.status.code)))
    case .body(let bytes): self.bodyBytes += bytes.readableBytes
    case .end: self.report(.end(bodyBytes: self.bodyBytes))
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.report(.closed)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
