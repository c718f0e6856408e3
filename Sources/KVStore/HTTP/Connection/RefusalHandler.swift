import NIOCore

/// Answers a connection beyond the limit with 503, whatever the request, and closes it.
///
/// It waits a moment for the request, since many clients fail on an answer that comes first, and then for
/// the client to hang up: closing a connection with unread bytes resets it, and the answer is lost.
final class RefusalHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let answer: ByteBuffer
  private let patience: TimeAmount
  private var isAnswered = false
  private var alarm: Scheduled<Void>?

  static func text(limit: Int) -> String {
    "503 Service Unavailable: \(limit) connections are open, --max-connections allows no more\n"
  }

  /// - Parameter patience: for the request, and again for the client to hang up.
  init(limit: Int, headers: ServerHeaders, date: ByteBuffer, patience: TimeAmount) {
    let response = Response.text(.serviceUnavailable, Self.text(limit: limit))
    var answer = ByteBuffer()
    answer.writeHead(
      of: response, to: RequestHead(method: .GET, target: [], isKeepAlive: false), with: headers,
      date: date, framing: .length(response.body.readableBytes), closes: true)
    answer.writeImmutableBuffer(response.body)
    self.answer = answer
    self.patience = patience
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.setAlarm(context: context) { self.sendAnswer(context: context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.alarm?.cancel()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if !self.isAnswered { self.sendAnswer(context: context) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case ChannelEvent.inputClosed where self.isAnswered: context.close(promise: nil)
    case ChannelEvent.inputClosed: self.sendAnswer(context: context)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func sendAnswer(context: ChannelHandlerContext) {
    self.isAnswered = true
    context.writeAndFlush(self.wrapOutboundOut(self.answer), promise: nil)
    context.close(mode: .output, promise: nil)
    self.setAlarm(context: context) { context.close(promise: nil) }
  }

  private func setAlarm(context: ChannelHandlerContext, _ body: @escaping () -> Void) {
    self.alarm?.cancel()
    self.alarm = context.eventLoop.assumeIsolated().scheduleTask(in: self.patience, body)
  }
}
