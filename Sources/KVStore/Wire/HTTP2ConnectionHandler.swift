import NIOCore
import NIOHPACK
import NIOHTTP2

/// Carries out what ``HTTP2ConnectionState`` says, and leads the frames of each stream to its call, or to the channel
/// of its page.
///
/// It stands behind `NIOHTTP2Handler`, which counts the windows and holds back what does not fit into the client's. A
/// call has no channel of its own: that costs a third of the processor's time of a small request. Answers of one read
/// leave together, at its end, and so do those that come in one turn of the event loop.
final class HTTP2ConnectionHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTP2Frame
  typealias InboundOut = HTTP2Frame
  typealias OutboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  let calls: any CallTable
  let limits: ConnectionLimits
  let certificateName: KeyName?
  /// For a stream that is no call.
  let makePageHandler: @Sendable () -> ConnectionHandler
  var state: HTTP2ConnectionState
  private(set) var context: ChannelHandlerContext?
  /// The two ends, which each call is told: to write them down takes as long as to answer it.
  private var addresses: (local: String?, remote: String?) = (nil, nil)

  var openCalls: [HTTP2StreamID: StreamCall] = [:]
  var openPages: Set<HTTP2StreamID> = []
  /// It is in the pipeline from the first page on.
  var pageMultiplexer: HTTP2StreamMultiplexer?
  /// The highest that was served.
  var lastStream = HTTP2StreamID.rootStream
  /// Bytes of messages that are not complete, of all calls.
  private var bytesAhead = 0
  /// Bytes of messages that were sent and have not left, of all calls.
  private var bytesBehind = 0
  private var isBehind = false

  private var facts = CircularBuffer<HTTP2ConnectionState.Fact>()
  private var isHandling = false
  private var isReading = false
  private var isReadHeldBack = false
  /// `NIOHTTP2Handler` has sent a GOAWAY of its own.
  private var isBroken = false

  private var isTurnPlanned = false
  /// Frames that were written in this turn and are not flushed.
  private var waitingFrames = 0
  private var callsToProceed: [StreamCall] = []
  private var streamsToReset: [HTTP2StreamID] = []

  var idleCheck: Scheduled<Void>?
  var stopTimer: Scheduled<Void>?
  var alarm: (time: NIODeadline, task: Scheduled<Void>)?

  init(
    calls: any CallTable, limits: ConnectionLimits, certificateName: KeyName?,
    makePageHandler: @escaping @Sendable () -> ConnectionHandler
  ) {
    self.calls = calls
    self.limits = limits
    self.certificateName = certificateName
    self.makePageHandler = makePageHandler
    self.state = HTTP2ConnectionState(limits: limits, openedAt: .now())
  }

  // MARK: Facts

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    self.addresses = (
      context.channel.localAddress?.ipAddress, context.channel.remoteAddress?.ipAddress
    )
    self.write(
      .windowUpdate(
        windowSizeIncrement: self.limits.wire.connectionWindow - WireLimits.streamWindow),
      on: .rootStream)
    self.report(.opened)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.report(.lost)
    self.idleCheck?.cancel()
    self.stopTimer?.cancel()
    self.alarm?.task.cancel()
    self.context = nil
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    self.isReading = false
    self.state.received(at: .now())
    context.fireChannelReadComplete()
  }

  /// What the client does not read keeps it from sending more.
  func read(context: ChannelHandlerContext) {
    self.isReadHeldBack = self.isBroken || !context.channel.isWritable
    if !self.isReadHeldBack { context.read() }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if self.isReadHeldBack { self.read(context: context) }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.report(.lost)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case _ where self.isBroken: self.report(.broken)
    case is NIOHTTP2Errors.StreamError: context.fireErrorCaught(error)
    // The stream was reset.
    case is any NIOHTTP2Error: break
    default: self.report(.lost)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case let event as NIOHTTP2WindowUpdatedEvent:
      if event.streamID == .rootStream {
        self.connectionWindowChanged(event.inboundWindowSize)
      } else if let call = self.openCalls[event.streamID] {
        if let size = event.inboundWindowSize { call.windowChanged(size) }
      } else {
        context.fireUserInboundEventTriggered(event)
      }
    case let event as NIOHTTP2StreamCreatedEvent:
      if self.openPages.contains(event.streamID) { context.fireUserInboundEventTriggered(event) }
    case let event as StreamClosedEvent:
      if self.openPages.remove(event.streamID) != nil {
        context.fireUserInboundEventTriggered(event)
        self.report(.streamClosed(isPage: true))
      } else if let call = self.openCalls.removeValue(forKey: event.streamID) {
        self.bytesLeft(call.state.bytesBehind)
        self.bytesAhead -= call.countedBytes
        call.lost()
        self.report(.streamClosed(isPage: false))
      }
    case is ConnectionHandler.Stop: self.report(.serverStopped)
    case ChannelEvent.inputClosed: self.report(.inputClosed)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  func report(_ fact: HTTP2ConnectionState.Fact) {
    self.facts.append(fact)
    guard !self.isHandling else { return }
    self.isHandling = true
    while let fact = self.facts.popFirst() {
      for action in self.state.handle(fact, at: .now()) { self.carryOut(action) }
    }
    self.isHandling = false
  }

  // MARK: Frames

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.isReading = true
    let frame = self.unwrapInboundIn(data)
    switch frame.payload {
    case .headers(let headers):
      if let call = self.openCalls[frame.streamID] {
        // A client's trailers say nothing.
        call.received(ByteBuffer(), isLast: headers.endStream)
      } else if self.openPages.contains(frame.streamID) {
        context.fireChannelRead(data)
      } else {
        self.open(frame, headers, context: context)
      }
    case .data(let data):
      if let call = self.openCalls[frame.streamID] {
        if case .byteBuffer(let bytes) = data.data {
          call.received(bytes, isLast: data.endStream)
          self.count(call)
        }
      } else if self.openPages.contains(frame.streamID) {
        context.fireChannelRead(self.wrapInboundOut(frame))
      }
    case .ping(_, ack: false): self.report(.pinged)
    case .rstStream:
      if self.openPages.contains(frame.streamID) { context.fireChannelRead(data) }
    case .priority, .settings, .pushPromise, .ping, .goAway, .windowUpdate, .alternativeService,
      .origin:
      break
    }
  }

  /// Parts of messages on many streams add up.
  private func count(_ call: StreamCall) {
    self.bytesAhead += call.state.bytesAhead - call.countedBytes
    call.countedBytes = call.state.bytesAhead
    guard self.bytesAhead > self.limits.wire.allBytesAhead, call.countedBytes > 0 else { return }
    call.cut(RPCStatus(.resourceExhausted, "too many messages of this connection are incomplete"))
    self.count(call)
  }

  private func open(
    _ frame: HTTP2Frame, _ headers: HTTP2Frame.FramePayload.Headers, context: ChannelHandlerContext
  ) {
    let id = frame.streamID
    let request = StreamRequest(headers.headers)
    guard request != .malformed else {
      return self.write(.rstStream(.protocolError), on: id)
    }
    let isPage = request == .page
    guard self.state.admit(isPage: isPage) else {
      return self.write(.rstStream(.refusedStream), on: id)
    }
    self.lastStream = max(self.lastStream, id)
    switch request {
    case .malformed: break
    case .page:
      self.openPages.insert(id)
      self.openPage(frame, context: context)
    case .refused(let status, let contentType):
      let call = StreamCall(
        id, contentType: contentType, deadline: nil, limits: self.limits.wire, on: self)
      self.openCalls[id] = call
      call.received(ByteBuffer(), isLast: headers.endStream)
      call.end(status)
    case .call(let request):
      self.openCall(id, request, isComplete: headers.endStream, context: context)
    }
  }

  private func openCall(
    _ id: HTTP2StreamID, _ request: CallRequest, isComplete: Bool, context: ChannelHandlerContext
  ) {
    let call = StreamCall(
      id, contentType: request.contentType, deadline: request.timeout.map { .now() + $0 },
      limits: self.limits.wire, on: self)
    call.connectionChanged(isBehind: self.isBehind)
    self.openCalls[id] = call
    if let deadline = call.deadline { self.setAlarm(deadline) }
    let head = CallHead(
      encoding: .protobuf, token: request.token, certificateName: self.certificateName,
      localAddress: self.addresses.local, remoteAddress: self.addresses.remote,
      loop: context.eventLoop)
    do throws(RPCStatus) {
      let handler = try self.calls.handler(request.path, head, call)
      if let refusal = request.refusal { throw refusal }
      call.start(handler)
      if isComplete { call.received(ByteBuffer(), isLast: true) }
    } catch {
      if isComplete { call.received(ByteBuffer(), isLast: true) }
      call.end(error)
    }
  }

  // MARK: Answers

  /// Up to this many bytes are copied behind their prefix: that costs less than a second frame.
  private static let copiedBytes = 8 << 10

  func write(_ message: ByteBuffer, of call: StreamCall, needsHead: Bool) {
    guard let context else { return }
    self.state.answered()
    if needsHead {
      self.write(.headers(.init(headers: RPCStatus.answerHead(call.contentType))), on: call.id)
    }
    let length = message.readableBytes
    self.bytesBehind += CallState.prefix + length
    if self.bytesBehind > self.limits.wire.allBytesBehind { self.setBehind(true) }
    let isCopied = length <= Self.copiedBytes
    var bytes = context.channel.allocator.buffer(
      capacity: CallState.prefix + (isCopied ? length : 0))
    bytes.writeInteger(0 as UInt8)
    bytes.writeInteger(UInt32(length))
    if isCopied { bytes.writeImmutableBuffer(message) }
    self.write(.data(.init(data: .byteBuffer(bytes))), on: call.id)
    if !isCopied { self.write(.data(.init(data: .byteBuffer(message))), on: call.id) }
  }

  func end(_ call: StreamCall, _ status: RPCStatus, _ ending: CallState.Ending) {
    self.state.answered()
    let headers = ending.isWholeAnswer ? status.wholeAnswer(call.contentType) : status.trailers
    self.write(.headers(.init(headers: headers, endStream: true)), on: call.id)
  }

  func grant(_ byteCount: Int, on id: HTTP2StreamID) {
    self.write(.windowUpdate(windowSizeIncrement: byteCount), on: id)
  }

  private func connectionWindowChanged(_ size: Int?) {
    let target = self.limits.wire.connectionWindow
    guard let size, size <= target / 2 else { return }
    self.grant(target - size, on: .rootStream)
  }

  func write(
    _ payload: HTTP2Frame.FramePayload, on id: HTTP2StreamID, promise: EventLoopPromise<Void>? = nil
  ) {
    guard let context else { return }
    context.write(
      self.wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: promise)
    guard !self.isReading else { return }
    self.waitingFrames += 1
    if self.waitingFrames >= Self.framesAtOnce { self.flush() }
    self.planTurn()
  }

  /// Of many messages the first ones leave while the others are made: their client has work with them meanwhile.
  private static let framesAtOnce = 32

  private func flush() {
    self.waitingFrames = 0
    self.context?.flush()
  }

  private func setBehind(_ isBehind: Bool) {
    guard isBehind != self.isBehind else { return }
    self.isBehind = isBehind
    for call in self.openCalls.values {
      call.connectionChanged(isBehind: isBehind)
      if !isBehind { self.callsToProceed.append(call) }
    }
    if !isBehind { self.planTurn() }
  }

  fileprivate func bytesLeft(_ byteCount: Int) {
    self.bytesBehind -= byteCount
    if self.bytesBehind <= self.limits.wire.allBytesBehind / 2 { self.setBehind(false) }
  }

  /// Later in this turn of the event loop: what is written is flushed, and calls whose bytes have left go on.
  private func planTurn() {
    guard !self.isTurnPlanned, let context else { return }
    self.isTurnPlanned = true
    context.eventLoop.assumeIsolated().execute {
      self.isTurnPlanned = false
      let calls = self.callsToProceed
      self.callsToProceed = []
      for call in calls { call.proceed() }
      for id in self.streamsToReset where self.openCalls[id] != nil {
        self.write(.rstStream(.noError), on: id)
      }
      self.streamsToReset = []
      self.flush()
    }
  }
}

extension HTTP2ConnectionHandler: NIOHTTP2FrameDelegate {
  /// A frame has left, as far as HTTP/2 is concerned. Nothing is written here: `NIOHTTP2Handler` is at work.
  func wroteFrame(_ frame: HTTP2Frame) {
    switch frame.payload {
    case .data(let data):
      // Go's clients measure the way by a ping after what they get: a large answer has many frames.
      self.state.answered()
      guard let call = self.openCalls[frame.streamID] else { return }
      let byteCount = data.data.readableBytes
      if call.left(byteCount) {
        self.callsToProceed.append(call)
        self.planTurn()
      }
      self.bytesLeft(byteCount)
    case .headers(let headers) where headers.endStream:
      guard let call = self.openCalls[frame.streamID], !call.state.isComplete else { return }
      self.streamsToReset.append(frame.streamID)
      self.planTurn()
    // The handler's own one, for a client that has broken HTTP/2.
    case .goAway(_, let code, let text) where code != .noError && text == nil: self.isBroken = true
    case .headers, .priority, .rstStream, .settings, .pushPromise, .ping, .goAway, .windowUpdate,
      .alternativeService, .origin:
      break
    }
  }
}
