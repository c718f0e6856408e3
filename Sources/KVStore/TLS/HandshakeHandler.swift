import NIOCore
import NIOSSL
import NIOTLS

/// Bounds the time of a TLS handshake and reports a failure. It leaves the pipeline after the handshake.
final class HandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let time: TimeAmount
  private let report: @Sendable (_ client: String, _ reason: String) -> Void
  private var deadline: Scheduled<Void>?
  private var isOver = false

  /// - Parameter report: called once for a failed handshake.
  init(
    time: TimeAmount, report: @escaping @Sendable (_ client: String, _ reason: String) -> Void
  ) {
    self.time = time
    self.report = report
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.deadline = context.eventLoop.assumeIsolated().scheduleTask(in: self.time) {
      self.fail("it took too long", context: context)
      context.close(promise: nil)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.deadline?.cancel()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .handshakeCompleted? = event as? TLSUserEvent {
      self.isOver = true
      context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.fail(Self.reason(error), context: context)
    context.fireErrorCaught(error)
  }

  private func fail(_ reason: String, context: ChannelHandlerContext) {
    guard !self.isOver else { return }
    self.isOver = true
    self.deadline?.cancel()
    let client = context.remoteAddress
    self.report("\(client?.ipAddress ?? "unknown"):\(client?.port ?? 0)", reason)
  }

  /// The library's reason without its source files: `PEER_DID_NOT_RETURN_A_CERTIFICATE`.
  static func reason(_ error: any Error) -> String {
    guard case .handshakeFailed(.sslError(let stack))? = error as? NIOSSLError, !stack.isEmpty
    else { return "\(error)" }
    return stack.map { entry in
      let text = entry.description
      let reason = text.firstMatch(of: #/OPENSSL_internal:(.+) at /#)?.1 ?? text[...]
      return String(reason)
    }.joined(separator: ", ")
  }
}
