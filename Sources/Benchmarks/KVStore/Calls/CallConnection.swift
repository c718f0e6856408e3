import NIOCore

/// A connection of a client of gRPC that reads no more of an answer than it has to.
///
/// It lives on its event loop. What it is told to send leaves at the end of a read, or with ``flush()``.
final class CallConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Who sends calls over it.
  protocol Caller: AnyObject {
    /// A message of the answer is complete.
    /// - Parameter message: empty for one that came in several frames.
    func received(_ message: ByteBuffer, byteCount: Int, on lane: Int)
    /// The call has ended.
    func ended(_ lane: Int)
    func failed(_ error: BenchmarkError)
  }

  private struct Stream {
    let lane: Int
    /// Of a message that is not complete.
    var bytesLeft = 0
    var byteCount = 0
    var hasAnswer = false
  }

  private let port: Int
  /// `nil` when the load is over.
  var caller: (any Caller)?
  private var context: ChannelHandlerContext?
  private var output = ByteBuffer()
  private var input = ByteBuffer()
  private var streams: [UInt32: Stream] = [:]
  private var nextStream: UInt32 = 1
  private var bytesSinceGrant = 0

  init(port: Int, caller: any Caller) { (self.port, self.caller) = (port, caller) }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelActive(context: ChannelHandlerContext) {
    context.writeAndFlush(self.wrapOutboundOut(CallFrames.opening), promise: nil)
  }

  // MARK: Calls

  /// - Parameters:
  ///   - headers: as ``CallFrames/headers(_:)`` makes them.
  ///   - isLast: whether no message follows the first one.
  /// - Returns: the call's stream.
  @discardableResult
  func open(_ headers: ByteBuffer, _ message: ByteBuffer, lane: Int, isLast: Bool) -> UInt32 {
    let stream = self.nextStream
    self.nextStream += 2
    self.streams[stream] = Stream(lane: lane)
    let start = self.output.writerIndex
    self.output.writeImmutableBuffer(headers)
    self.output.setInteger(stream, at: start + 5)
    self.output.writeMessage(message, stream: stream, isLast: isLast)
    return stream
  }

  func send(_ message: ByteBuffer, on stream: UInt32) {
    self.output.writeMessage(message, stream: stream, isLast: false)
  }

  /// Says that no message follows.
  func finish(_ stream: UInt32) {
    self.output.writeFrame(
      CallFrames.Kind.data, length: 0, flags: CallFrames.Flag.endStream, stream: stream)
  }

  func flush() {
    guard self.output.readableBytes > 0, let context else { return }
    context.writeAndFlush(self.wrapOutboundOut(self.output), promise: nil)
    self.output = context.channel.allocator.buffer(capacity: self.output.readableBytes)
  }

  // MARK: Answers

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = self.unwrapInboundIn(data)
    if self.input.readableBytes == 0 {
      self.input = bytes
    } else {
      self.input.discardReadBytes()
      self.input.writeImmutableBuffer(bytes)
    }
    while let word = self.input.getInteger(at: self.input.readerIndex, as: UInt32.self),
      self.input.readableBytes >= CallFrames.headBytes + Int(word >> 8)
    {
      self.input.moveReaderIndex(forwardBy: 4)
      guard let flags: UInt8 = self.input.readInteger(),
        let stream: UInt32 = self.input.readInteger(),
        let payload = self.input.readSlice(length: Int(word >> 8))
      else { return }
      self.take(UInt8(truncatingIfNeeded: word), flags, stream, payload)
    }
    if self.input.readableBytes == 0 { self.input = ByteBuffer() }
  }

  func channelReadComplete(context: ChannelHandlerContext) { self.flush() }

  private func take(_ kind: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: ByteBuffer) {
    switch kind {
    case CallFrames.Kind.data:
      self.grant(payload.readableBytes)
      self.takeData(payload, stream)
      if flags & CallFrames.Flag.endStream != 0 { self.end(stream) }
    case CallFrames.Kind.headers:
      if flags & CallFrames.Flag.endStream != 0 { self.end(stream) }
    case CallFrames.Kind.settings where flags & CallFrames.Flag.acknowledgement == 0:
      self.output.writeFrame(
        CallFrames.Kind.settings, length: 0, flags: CallFrames.Flag.acknowledgement)
    case CallFrames.Kind.ping where flags & CallFrames.Flag.acknowledgement == 0:
      self.output.writeFrame(
        CallFrames.Kind.ping, length: payload.readableBytes, flags: CallFrames.Flag.acknowledgement)
      self.output.writeImmutableBuffer(payload)
    case CallFrames.Kind.reset: self.end(stream)
    case CallFrames.Kind.goAway:
      let reason = String(
        buffer: payload.getSlice(
          at: payload.readerIndex + 8, length: max(0, payload.readableBytes - 8)) ?? ByteBuffer())
      self.caller?.failed(.callsEnded(port: self.port, reason: reason))
    default: break
    }
  }

  private func grant(_ byteCount: Int) {
    self.bytesSinceGrant += byteCount
    guard self.bytesSinceGrant > CallFrames.largestWindow / 2 else { return }
    self.output.writeWindowUpdate(self.bytesSinceGrant)
    self.bytesSinceGrant = 0
  }

  private func takeData(_ payload: ByteBuffer, _ id: UInt32) {
    var payload = payload
    while payload.readableBytes > 0, var stream = self.streams[id] {
      var message = ByteBuffer()
      if stream.bytesLeft == 0 {
        // Both servers keep a message's prefix in one frame.
        guard payload.readInteger(as: UInt8.self) == 0, let length: UInt32 = payload.readInteger()
        else {
          self.caller?.failed(.malformed("prefix of a message"))
          return
        }
        (stream.bytesLeft, stream.byteCount) = (Int(length), Int(length))
        stream.hasAnswer = true
        message = payload.readSlice(length: Int(length)) ?? ByteBuffer()
        stream.bytesLeft -= message.readableBytes
      }
      let taken = min(stream.bytesLeft, payload.readableBytes)
      payload.moveReaderIndex(forwardBy: taken)
      stream.bytesLeft -= taken
      self.streams[id] = stream
      if stream.bytesLeft == 0 {
        self.caller?.received(message, byteCount: stream.byteCount, on: stream.lane)
      }
    }
  }

  private func end(_ id: UInt32) {
    guard let stream = self.streams.removeValue(forKey: id) else { return }
    // An answer that is no success has no message.
    if stream.hasAnswer, stream.bytesLeft == 0 {
      self.caller?.ended(stream.lane)
    } else {
      self.caller?.failed(.malformed("message: a call was refused"))
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.caller?.failed(.connectionLost(port: self.port))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
