import NIOCore
import NIOHTTP2

/// Puts HTTP/2 beside HTTP/1 into the pipeline of a new connection.
struct Wire: Sendable {
  let calls: any CallTable
  let limits: ConnectionLimits

  /// - Parameter makeHandler: for HTTP/1, and for a stream of HTTP/2 that is no call.
  func serve(
    _ channel: any Channel, makeHandler: @escaping @Sendable () -> ConnectionHandler
  ) throws {
    try self.add(to: channel, http1: makeHandler()) { certificateName in
      let handler = HTTP2ConnectionHandler(
        calls: self.calls, limits: self.limits, certificateName: certificateName,
        makePageHandler: makeHandler)
      return [self.http2(frameDelegate: handler), handler]
    }
  }

  /// Answers a connection that is one too many.
  func refuse(_ channel: any Channel, limit: Int, with http1: RefusalHandler) throws {
    try self.add(to: channel, http1: http1) { _ in
      let handler = HTTP2RefusalHandler(
        text: RefusalHandler.text(limit: limit), patience: self.limits.refusalTime)
      return [self.http2(frameDelegate: nil), handler]
    }
  }

  private func add(
    to channel: any Channel, http1: any RemovableChannelHandler,
    http2: @escaping (_ certificateName: KeyName?) -> [any ChannelHandler]
  ) throws {
    let preface = PrefaceHandler(time: self.limits.requestTime) { context, certificateName in
      let pipeline = context.pipeline.syncOperations
      pipeline.removeHandler(http1, promise: nil)
      try pipeline.addHandlers(http2(certificateName))
    }
    try channel.pipeline.syncOperations.addHandlers([preface, http1])
  }

  private func http2(frameDelegate: HTTP2ConnectionHandler?) -> NIOHTTP2Handler {
    NIOHTTP2Handler(
      mode: .server, frameDelegate: frameDelegate, connectionConfiguration: self.connection,
      streamConfiguration: self.stream)
  }

  private var connection: NIOHTTP2Handler.ConnectionConfiguration {
    var connection = NIOHTTP2Handler.ConnectionConfiguration()
    connection.initialSettings = [
      HTTP2Setting(parameter: .maxConcurrentStreams, value: self.limits.wire.streams),
      HTTP2Setting(parameter: .maxHeaderListSize, value: self.limits.wire.headerBytes),
    ]
    // Frames for a stream that the server has just reset are no mistake of the client.
    connection.maximumRecentlyResetStreams = 256
    // Clients measure the way to the server by pings; `HTTP2ConnectionState` says how many are too many.
    connection.controlFrameRateLimit.maximumCount = 20_000
    connection.controlFrameRateLimit.windowLength = .seconds(10)
    return connection
  }

  private var stream: NIOHTTP2Handler.StreamConfiguration {
    var stream = NIOHTTP2Handler.StreamConfiguration()
    // A client that gives up its calls resets their streams.
    stream.streamResetFrameRateLimit.maximumCount = 20_000
    stream.streamResetFrameRateLimit.windowLength = .seconds(10)
    return stream
  }
}

extension HTTP2ConnectionHandler {
  /// Gives a stream that is no call a channel of its own.
  func openPage(_ frame: HTTP2Frame, context: ChannelHandlerContext) {
    if self.pageMultiplexer == nil {
      let certificateName = self.certificateName
      let makePageHandler = self.makePageHandler
      let multiplexer = HTTP2StreamMultiplexer(
        mode: .server, channel: context.channel, targetWindowSize: WireLimits.streamWindow,
        outboundBufferSizeHighWatermark: self.limits.wire.bytesBehind,
        outboundBufferSizeLowWatermark: self.limits.wire.bytesBehind / 2
      ) { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers([PageStreamHandler(), makePageHandler()])
          if let certificateName {
            channel.pipeline.fireUserInboundEventTriggered(
              ConnectionHandler.CertificateShown(name: certificateName))
          }
        }
      }
      do {
        try context.pipeline.syncOperations.addHandler(
          multiplexer, position: .after(self))
      } catch {
        return context.close(promise: nil)
      }
      self.pageMultiplexer = multiplexer
    }
    context.fireChannelRead(self.wrapInboundOut(frame))
  }
}
