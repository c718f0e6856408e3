import NIOCore
import NIOSSL
import NIOTLS

/// Bounds the time of a TLS handshake, reports a failure, and tells the next handler the client's name. It
/// leaves the pipeline after the handshake.
final class HandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let time: TimeAmount
  private let namesUsers: Bool
  private let report: @Sendable (_ client: String, _ reason: String) -> Void
  private var deadline: Scheduled<Void>?
  private var isOver = false

  /// - Parameters:
  ///   - namesUsers: whether the common name of a client's certificate is a user's.
  ///   - report: called once for a failed handshake.
  init(
    time: TimeAmount, namesUsers: Bool,
    report: @escaping @Sendable (_ client: String, _ reason: String) -> Void
  ) {
    self.time = time
    self.namesUsers = namesUsers
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
      if self.namesUsers, let name = self.certificateName(context) {
        context.fireUserInboundEventTriggered(ConnectionHandler.CertificateShown(name: name))
      }
      context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
    context.fireUserInboundEventTriggered(event)
  }

  private func certificateName(_ context: ChannelHandlerContext) -> KeyName? {
    guard let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate(),
      let der = try? certificate.toDERBytes()
    else { return nil }
    return CertificateName.commonName(der: der).map { KeyName($0) }
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
