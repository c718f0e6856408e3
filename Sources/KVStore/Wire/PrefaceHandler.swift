import NIOCore

/// Tells HTTP/2 from HTTP/1 by a connection's first bytes, with and without TLS, and leaves the pipeline.
///
/// The handler of HTTP/1 stands behind it from the beginning, so an idle connection, one that is closed, and one that
/// is stopped need no other rule; for HTTP/2 it is replaced. ALPN is offered, and not looked at: a client that has
/// agreed on `h2` begins with these bytes as well.
final class PrefaceHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// The line that no other protocol begins with; the rest of the preface is checked by HTTP/2 itself.
  static let preface = Array("PRI * HTTP/2.0\r\n".utf8)

  enum Verdict: Equatable {
    case http1, http2
    /// Too few bytes.
    case unknown
  }

  private let time: TimeAmount
  private let switchToHTTP2: (ChannelHandlerContext, KeyName?) throws -> Void
  private var certificateName: KeyName?
  /// What may be a part of the preface.
  private var bytes = ByteBuffer()
  private var timer: Scheduled<Void>?

  /// - Parameters:
  ///   - time: for the rest of a preface that has begun.
  ///   - switchToHTTP2: puts the handlers of HTTP/2 behind this one, in the place of the other's.
  init(
    time: TimeAmount, switchToHTTP2: @escaping (ChannelHandlerContext, KeyName?) throws -> Void
  ) {
    self.time = time
    self.switchToHTTP2 = switchToHTTP2
  }

  static func verdict(_ bytes: ByteBufferView) -> Verdict {
    guard bytes.elementsEqual(self.preface.prefix(bytes.count)) else {
      return bytes.starts(with: self.preface) ? .http2 : .http1
    }
    return bytes.count == self.preface.count ? .http2 : .unknown
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.bytes.writeImmutableBuffer(self.unwrapInboundIn(data))
    switch Self.verdict(self.bytes.readableBytesView) {
    case .unknown:
      self.timer =
        self.timer
        ?? context.eventLoop.assumeIsolated().scheduleTask(in: self.time) {
          context.close(promise: nil)
        }
      return
    case .http1: break
    case .http2:
      do {
        try self.switchToHTTP2(context, self.certificateName)
      } catch {
        return context.close(promise: nil)
      }
    }
    self.leave(context: context)
  }

  /// A client that is gone, or that the server has no time for, is the next handler's.
  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let shown = event as? ConnectionHandler.CertificateShown {
      self.certificateName = shown.name
    }
    context.fireUserInboundEventTriggered(event)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.timer?.cancel()
  }

  private func leave(context: ChannelHandlerContext) {
    let bytes = self.bytes
    self.bytes = ByteBuffer()
    context.fireChannelRead(self.wrapInboundOut(bytes))
    context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
  }
}
