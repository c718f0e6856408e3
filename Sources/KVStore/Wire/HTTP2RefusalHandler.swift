import NIOCore
import NIOHPACK
import NIOHTTP2

/// What ``RefusalHandler`` is for HTTP/2: answers a connection beyond the limit with 503, which gRPC's clients take for
/// `UNAVAILABLE`, and closes it.
final class HTTP2RefusalHandler: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  private let text: String
  private let patience: TimeAmount
  private var isAnswered = false
  private var alarm: Scheduled<Void>?

  /// - Parameter patience: for the request, and again for the client to hang up.
  init(text: String, patience: TimeAmount) {
    self.text = text
    self.patience = patience
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.setAlarm(context: context) { self.sayGoodbye(lastStream: .rootStream, context: context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.alarm?.cancel()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = self.unwrapInboundIn(data)
    guard !self.isAnswered, case .headers = frame.payload else { return }
    let headers: HPACKHeaders = [
      ":status": "503", "content-type": "text/plain; charset=utf-8",
      "content-length": "\(self.text.utf8.count)",
    ]
    self.write(.headers(.init(headers: headers)), on: frame.streamID, context: context)
    self.write(
      .data(.init(data: .byteBuffer(ByteBuffer(string: self.text)), endStream: true)),
      on: frame.streamID, context: context)
    self.sayGoodbye(lastStream: frame.streamID, context: context)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case ChannelEvent.inputClosed: context.close(promise: nil)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func sayGoodbye(lastStream: HTTP2StreamID, context: ChannelHandlerContext) {
    self.isAnswered = true
    self.write(
      .goAway(lastStreamID: lastStream, errorCode: .noError, opaqueData: nil), on: .rootStream,
      context: context)
    context.flush()
    context.close(mode: .output, promise: nil)
    self.setAlarm(context: context) { context.close(promise: nil) }
  }

  private func write(
    _ payload: HTTP2Frame.FramePayload, on id: HTTP2StreamID, context: ChannelHandlerContext
  ) {
    context.write(self.wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: nil)
  }

  private func setAlarm(context: ChannelHandlerContext, _ body: @escaping () -> Void) {
    self.alarm?.cancel()
    self.alarm = context.eventLoop.assumeIsolated().scheduleTask(in: self.patience, body)
  }
}
