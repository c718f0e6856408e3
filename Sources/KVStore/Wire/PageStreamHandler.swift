import NIOCore
import NIOHTTP2

/// Stands between a stream of HTTP/2 and ``ConnectionHandler``, which takes it for a connection with one request: what
/// is served, refused, limited and timed is the same as over HTTP/1.
final class PageStreamHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = HTTP2Frame.FramePayload

  private var stream = PageStream()
  /// Of the answer's last frame.
  private var end: EventLoopFuture<Void>?

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes: ByteBuffer
    switch self.unwrapInboundIn(data) {
    case .headers(let headers):
      do throws(PageStream.Malformed) {
        bytes = try self.stream.headers(headers.headers, isLast: headers.endStream)
      } catch {
        context.writeAndFlush(self.wrapOutboundOut(.rstStream(.protocolError)), promise: nil)
        return
      }
    case .data(let data):
      guard case .byteBuffer(let body) = data.data else { return }
      bytes = self.stream.body(body, isLast: data.endStream)
    case .rstStream, .priority, .settings, .pushPromise, .ping, .goAway, .windowUpdate,
      .alternativeService, .origin:
      return
    }
    if bytes.readableBytes > 0 { context.fireChannelRead(self.wrapInboundOut(bytes)) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case is ChannelShouldQuiesceEvent:
      context.fireUserInboundEventTriggered(ConnectionHandler.Stop())
    // The end of a request is no sign that the client has left.
    case ChannelEvent.inputClosed: break
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    var frames = self.stream.answer(self.unwrapOutboundIn(data))
    guard let last = frames.popLast() else {
      // It completes after all before it.
      if let end { end.cascade(to: promise) } else { promise?.succeed() }
      return
    }
    for frame in frames { context.write(self.wrapOutboundOut(frame), promise: nil) }
    guard self.stream.isAnswered else {
      return context.write(self.wrapOutboundOut(last), promise: promise)
    }
    let endPromise = promise ?? context.eventLoop.makePromise()
    self.end = endPromise.futureResult
    context.write(self.wrapOutboundOut(last), promise: endPromise)
    // The rest of the request is for nobody.
    guard !self.stream.isRequestDone else { return }
    endPromise.futureResult.assumeIsolated().whenSuccess {
      context.writeAndFlush(self.wrapOutboundOut(.rstStream(.noError)), promise: nil)
    }
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    switch mode {
    // The last frame has said it.
    case .output: promise?.succeed()
    case .input, .all: context.close(mode: mode, promise: promise)
    }
  }
}
