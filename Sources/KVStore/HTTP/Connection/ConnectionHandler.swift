import HTTPEndpoint
import NIOCore

/// Carries out what ``ConnectionState`` says: it owns the channel and the timers, and no policy.
///
/// It runs on the connection's event loop, without a task of its own. How a request is answered is in
/// `ConnectionHandler+Requests.swift`.
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = Never
  typealias OutboundOut = ByteBuffer
  typealias Fact = ConnectionState.Fact

  /// The server stops: an idle connection closes, a watch ends, a request under way is answered first.
  struct Stop: Sendable {}

  /// The handshake's client has shown a certificate with this common name, and it names a user.
  struct CertificateShown: Sendable {
    let name: KeyName
  }

  let store: Store
  let pages: Pages
  let listener: BrowserPolicy.Listener
  let purpose: ListenAddress.Purpose
  private(set) var certificateName: KeyName?
  let limits: ConnectionLimits
  private var state: ConnectionState
  /// The call of the v3 API that is under way.
  var call: (any CallHandler)?

  /// Facts that were reported while another one was handled.
  private var facts = CircularBuffer<Fact>()
  private var isHandling = false
  /// Answers to the requests of one read leave together, at its end.
  private var isReading = false
  /// Since the last flush.
  private var hasWritten = false
  private var unflushedBytes = 0
  private var requestTimer: Scheduled<Void>?
  private var idleCheck: Scheduled<Void>?
  private var linger: Scheduled<Void>?

  init(
    store: Store, pages: Pages, listener: BrowserPolicy.Listener, purpose: ListenAddress.Purpose,
    limits: ConnectionLimits
  ) {
    self.store = store
    self.pages = pages
    self.listener = listener
    self.purpose = purpose
    self.limits = limits
    self.state = ConnectionState(limits: limits, headers: pages.headers, openedAt: .now())
  }

  // MARK: Facts

  func handlerAdded(context: ChannelHandlerContext) {
    self.report(.opened, context: context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.requestTimer?.cancel()
    self.idleCheck?.cancel()
    self.linger?.cancel()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.isReading = true
    self.report(.received(self.unwrapInboundIn(data)), context: context)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    self.isReading = false
    self.flushWrites(context: context)
    context.fireChannelReadComplete()
  }

  func read(context: ChannelHandlerContext) {
    if self.state.mayRead() { context.read() }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    self.report(.writabilityChanged(context.channel.isWritable), context: context)
    if context.channel.isWritable { self.call?.becameWritable() }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.report(.lost, context: context)
    context.fireChannelInactive()
  }

  /// A client that vanishes or breaks TLS ends its own connection, no other.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.report(.lost, context: context)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case is Stop:
      self.call?.serverStops()
      self.report(.serverStopped, context: context)
    case let shown as CertificateShown: self.certificateName = shown.name
    case ChannelEvent.inputClosed:
      // Nobody may be there to hear of it, and others wait behind it.
      if self.call?.waitsForOthers == true { self.report(.lost, context: context) }
      self.report(.inputClosed, context: context)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  /// A function that reports facts from the event loop, later.
  func loopReporter(context: ChannelHandlerContext) -> @Sendable (Fact) -> Void {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    return { fact in
      let (handler, context) = bound.value
      handler.report(fact, context: context)
    }
  }

  /// A function that reports facts from any thread. A fact is made on the event loop.
  func reporter(
    context: ChannelHandlerContext
  ) -> @Sendable (_ fact: @escaping @Sendable () -> Fact) -> Void {
    let (loop, report) = (context.eventLoop, self.loopReporter(context: context))
    return { fact in loop.execute { report(fact()) } }
  }

  func report(_ fact: Fact, context: ChannelHandlerContext) {
    self.facts.append(fact)
    // An action that reports at once: the loop below goes on with it, not a deeper one.
    guard !self.isHandling else { return }
    self.isHandling = true
    repeat {
      while let fact = self.facts.popFirst() {
        for action in self.state.handle(fact, at: .now(), date: self.pages.date.now) {
          self.carryOut(action, context: context)
        }
      }
      for action in self.state.advance(at: .now()) { self.carryOut(action, context: context) }
    } while !self.facts.isEmpty
    self.isHandling = false
    if !self.isReading { self.flushWrites(context: context) }
  }

  // MARK: Actions

  private func carryOut(_ action: ConnectionState.Action, context: ChannelHandlerContext) {
    switch action {
    case .serve(let request, let requester):
      self.serve(request, by: requester, context: context)
    case .write(let bytes):
      context.write(self.wrapOutboundOut(bytes), promise: nil)
      self.wrote(bytes.readableBytes, context: context)
    case .writeEvent(let bytes):
      self.write(bytes, context: context, reporting: .eventWritten(byteCount: bytes.readableBytes))
    // An empty write: it completes after all before it.
    case .reportWhenWritten: self.write(ByteBuffer(), context: context, reporting: .allWritten)
    case .unwatch(let id): self.store.unwatch(id)
    case .cancelCall: self.call.take()?.cancelled()
    case .startRequestTimer:
      self.requestTimer = self.schedule(.requestTimedOut, in: self.limits.requestTime, context)
    case .stopRequestTimer: self.requestTimer?.cancel()
    case .checkIdleness(let time): self.idleCheck = self.schedule(.idleCheckDue, in: time, context)
    case .read: context.read()
    case .closeOutput(let time):
      self.flushWrites(context: context)
      context.close(mode: .output, promise: nil)
      self.linger = self.schedule(.lingered, in: time, context)
    case .close:
      self.flushWrites(context: context)
      context.close(promise: nil)
    }
  }

  private func write(_ bytes: ByteBuffer, context: ChannelHandlerContext, reporting fact: Fact) {
    context.write(self.wrapOutboundOut(bytes)).assumeIsolated().whenComplete { _ in
      self.report(fact, context: context)
    }
    self.wrote(bytes.readableBytes, context: context)
  }

  /// Only what is flushed counts when TLS is asked whether the client reads; see ``flushSize``.
  private func wrote(_ byteCount: Int, context: ChannelHandlerContext) {
    self.hasWritten = true
    self.unflushedBytes += byteCount
    if self.unflushedBytes >= Self.flushSize { self.flushWrites(context: context) }
  }

  /// In bytes: more than this is not held back for the end of a read. It is NIO's mark for a full channel.
  private static let flushSize = 64 << 10

  private func flushWrites(context: ChannelHandlerContext) {
    guard self.hasWritten else { return }
    (self.hasWritten, self.unflushedBytes) = (false, 0)
    context.flush()
  }

  private func schedule(
    _ fact: Fact, in time: TimeAmount, _ context: ChannelHandlerContext
  ) -> Scheduled<Void> {
    context.eventLoop.assumeIsolated().scheduleTask(in: time) {
      self.report(fact, context: context)
    }
  }
}
