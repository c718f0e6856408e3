import NIOCore
import NIOHTTP1

/// One client's connection: takes its requests apart, hands them to the store, and answers on the
/// connection's event loop, without a task of its own.
///
/// One request is under way at a time: while the store has one, or a client watches, what comes is read and
/// waits, since that is how the client's leaving is noticed, but not without end.
final class ConnectionHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = Never
  typealias OutboundOut = ByteBuffer

  /// Tells a connection that the server stops: an idle one is closed, a watch is ended, and a request
  /// that is under way is answered first.
  struct Stop: Sendable {}

  /// What a client may do to us.
  struct Limits: Sendable {
    /// For a head and its body to come in, from the first byte on.
    var requestTime = TimeAmount.seconds(60)
    /// For a TLS handshake.
    var handshakeTime = TimeAmount.seconds(10)
    /// For a connection that is one too many to send its request, and again to hang up.
    var refusalTime = TimeAmount.seconds(1)
    /// For a connection without a request.
    var idleTime = TimeAmount.minutes(10)
    /// Bytes that may come ahead of their turn: during a change no more are read then, a watch is over.
    var bytesAhead = 64 << 10
    /// Events of a stream that its client has not taken yet, as in etcd; beyond, it is cut off.
    var eventsBehind = 100
    /// The same in bytes.
    var bytesBehind = 16 << 20
  }

  private enum State {
    /// Waits for a request. Next: `receiving`.
    case idle
    /// Next: `answering`, `watching` or `idle`.
    case receiving(RequestHead, body: ByteBuffer)
    /// The store has the request. Next: `idle`.
    case answering(RequestHead, actionOnly: Bool)
    /// The head of the answer is out, events may follow. Next: `idle`.
    case watching(RequestHead, WatcherHub.ID?)
    /// The last answer is on its way, then the connection ends.
    case closing
  }

  private let store: Store
  private let endpoints: Endpoints
  private let limits: Limits
  private var state = State.idle
  private var isStopping = false

  private var parser = RequestParser()
  private var input = ByteBuffer()
  private var isProcessing = false
  private var isReadHeldBack = false
  /// Set from the first byte of a request to its last.
  private var requestDeadline: Scheduled<Void>?
  private var idleCheck: Scheduled<Void>?
  private var lastActivity = NIODeadline.now()
  private var eventsUnderWay = 0
  private var bytesUnderWay = 0

  init(store: Store, endpoints: Endpoints, limits: Limits = Limits()) {
    self.store = store
    self.endpoints = endpoints
    self.limits = limits
  }

  // MARK: What comes in

  func handlerAdded(context: ChannelHandlerContext) {
    self.checkIdleness(context: context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.requestDeadline?.cancel()
    self.idleCheck?.cancel()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = self.unwrapInboundIn(data)
    if self.input.readableBytes == 0 {
      self.input = bytes
    } else {
      self.input.writeBuffer(&bytes)
    }
    self.lastActivity = .now()
    self.process(context: context)
    if case .watching = self.state, self.input.readableBytes > self.limits.bytesAhead {
      context.close(promise: nil)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    context.flush()
    context.fireChannelReadComplete()
  }

  func read(context: ChannelHandlerContext) {
    if case .answering = self.state, self.input.readableBytes > self.limits.bytesAhead {
      self.isReadHeldBack = true
    } else {
      context.read()
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.forgetWatch()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A client that vanishes or talks nonsense: its connection is over, nobody else's.
    self.forgetWatch()
    context.close(promise: nil)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case is Stop:
      self.isStopping = true
      switch self.state {
      case .idle: context.close(promise: nil)
      case .watching: self.endWatch(context: context)
      case .receiving, .answering, .closing: break
      }
    // The client has said all that it wants to say; one that watches has left.
    case ChannelEvent.inputClosed:
      switch self.state {
      case .idle, .receiving, .watching: context.close(promise: nil)
      case .answering, .closing: self.isStopping = true
      }
    default:
      context.fireUserInboundEventTriggered(event)
    }
  }

  /// Deals with all that has come, as far as it is its turn.
  private func process(context: ChannelHandlerContext) {
    // An answer that is given at once ends here again: the loop below goes on then, not a deeper one.
    guard !self.isProcessing else { return }
    self.isProcessing = true
    defer { self.isProcessing = false }
    do throws(RequestError) {
      loop: while true {
        switch self.state {
        case .idle, .receiving: break
        case .answering, .watching, .closing: break loop
        }
        guard let part = try self.parser.next(&self.input) else { break }
        self.take(part, context: context)
      }
    } catch {
      self.refuse(error, context: context)
    }
    // The channel uses the buffer of a read again once nobody else has it.
    if self.input.readableBytes == 0 { self.input = ByteBuffer() }
    self.watchTheClock(context: context)
    if self.isReadHeldBack {
      if case .answering = self.state { return }
      self.isReadHeldBack = false
      context.read()
    }
  }

  private func take(_ part: RequestParser.Part, context: ChannelHandlerContext) {
    switch (part, self.state) {
    case (.head(let head), _):
      self.state = .receiving(head, body: ByteBuffer())
      if head.expectsContinue {
        let goOn = ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")
        context.writeAndFlush(self.wrapOutboundOut(goOn), promise: nil)
      }
    case (.body(var part), .receiving(let head, var body)):
      // What is too much anyway need not be kept: one byte more is enough to say so.
      self.state = .idle
      if body.readableBytes <= Form.maxBodySize { body.writeBuffer(&part) }
      self.state = .receiving(head, body: body)
    case (.end, .receiving(let head, let body)):
      self.handle(head, body: body, context: context)
    case (.body, _), (.end, _):
      preconditionFailure("a part of a request without its head")
    }
  }

  // MARK: Time

  /// Bounds the time from the first byte of a request to its last.
  private func watchTheClock(context: ChannelHandlerContext) {
    let isUnderWay: Bool
    switch self.state {
    case .idle: isUnderWay = self.input.readableBytes > 0
    case .receiving: isUnderWay = true
    case .answering, .watching, .closing: isUnderWay = false
    }
    guard isUnderWay else {
      self.requestDeadline?.cancel()
      self.requestDeadline = nil
      return
    }
    guard self.requestDeadline == nil else { return }
    self.requestDeadline = context.eventLoop.assumeIsolated().scheduleTask(
      in: self.limits.requestTime
    ) {
      self.refuse(.tooSlow, context: context)
    }
  }

  private func checkIdleness(context: ChannelHandlerContext) {
    let due = self.lastActivity + self.limits.idleTime
    if case .idle = self.state, due <= .now() {
      context.close(promise: nil)
      return
    }
    self.idleCheck = context.eventLoop.assumeIsolated().scheduleTask(
      in: max(due - .now(), min(self.limits.idleTime, .seconds(10)))
    ) {
      self.checkIdleness(context: context)
    }
  }

  // MARK: Requests

  private func handle(_ head: RequestHead, body: ByteBuffer, context: ChannelHandlerContext) {
    let target = RequestTarget(head.target)
    let route = Route(head.method, target)
    guard self.store.auth.isEnabled,
      route.asksWho || Route.changesMembers(head.method, target)
    else {
      self.handle(route, target, by: nil, head: head, body: body, context: context)
      return
    }
    switch self.store.auth.identify(head.authorization) {
    case .known(let requester):
      self.handle(route, target, by: requester, head: head, body: body, context: context)
    case .claimed(let claim):
      self.state = .answering(head, actionOnly: false)
      let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
      self.store.auth.verify(claim) { requester in
        bound.eventLoop.execute {
          let (handler, context) = bound.value
          // A watch of a client who is gone would never be taken out of the hub.
          guard context.channel.isActive else { return }
          handler.handle(route, target, by: requester, head: head, body: body, context: context)
          context.flush()
          handler.process(context: context)
        }
      }
    }
  }

  /// - Parameter requester: `nil` where nobody is asked who he is.
  private func handle(
    _ route: Route, _ target: RequestTarget?, by requester: Requester?, head: RequestHead,
    body: ByteBuffer, context: ChannelHandlerContext
  ) {
    switch route {
    case .keys(let method, let path):
      self.handleKeys(
        method, path, target, by: requester, head: head, body: body, context: context)
    case .auth(let request):
      self.handleAuth(
        request, target, by: requester ?? .guest, head: head, body: body, context: context)
    case _
    where requester.map { !self.store.auth.isRoot($0) } == true
      && Route.changesMembers(head.method, target):
      self.answer(
        .auth(.failure(.insufficientCredentials), clusterID: self.endpoints.identity.clusterID),
        to: head, context: context)
    default:
      self.answer(self.endpoints.response(to: route, head: head), to: head, context: context)
    }
  }

  private func handleAuth(
    _ request: AuthRequest, _ target: RequestTarget?, by requester: Requester, head: RequestHead,
    body: ByteBuffer, context: ChannelHandlerContext
  ) {
    self.state = .answering(head, actionOnly: false)
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    self.store.auth.answer(request, query: target?.query, body: body, by: requester) { result in
      bound.eventLoop.execute {
        let (handler, context) = bound.value
        let clusterID = handler.endpoints.identity.clusterID
        handler.answer(.auth(result, clusterID: clusterID), to: head, context: context)
        context.flush()
      }
    }
  }

  private func handleKeys(
    _ method: KeysRequest.Method, _ path: StorePath, _ target: RequestTarget?,
    by requester: Requester?, head: RequestHead, body: ByteBuffer, context: ChannelHandlerContext
  ) {
    do throws(StoreError) {
      let hasForm = method == .put || method == .post
      let form = try Form(
        query: target?.query, body: hasForm ? Array(body.readableBytesView) : nil,
        contentType: head.contentType)
      let now = self.store.clock.now
      let request = try KeysRequest(method, path: path, form: form, now: now)
      if let requester, let path = target?.path {
        let isAllowed = self.store.auth.allows(
          requester, method == .get || method == .head ? .read : .write,
          rawPath: path.dropFirst("/v2/keys".utf8.count),
          isRecursive: try KeysRequest.flag("recursive", in: form))
        guard isAllowed else {
          throw StoreError(.unauthorized, cause: "Insufficient credentials")
        }
      }
      switch request {
      case .get(let path, let isRecursive, let isSorted):
        let (event, index) = try self.store.get(
          path, isRecursive: isRecursive, isSorted: isSorted, now: now)
        self.answer(
          .event(.ok, body: event.json(wall: self.store.wall), index: index),
          to: head, context: context)
      case .watch(let path, let isRecursive, let isStream, let waitIndex):
        try self.startWatch(
          path, isRecursive: isRecursive, isStream: isStream, waitIndex: waitIndex, head: head,
          context: context)
      case .change(let command, let actionOnly):
        self.state = .answering(head, actionOnly: actionOnly)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        self.store.submit(command) { result in
          bound.eventLoop.execute {
            let (handler, context) = bound.value
            handler.changed(result, context: context)
          }
        }
      }
    } catch {
      self.answer(.refusal(error), to: head, context: context)
    }
  }

  /// The writer has carried out the change, or refused it.
  private func changed(_ result: Result<Event, StoreError>, context: ChannelHandlerContext) {
    guard case .answering(let head, let actionOnly) = self.state else { return }
    let response: Response
    switch result {
    case .success(let event):
      response = .event(
        event.isCreation ? .created : .ok,
        body: event.json(actionOnly: actionOnly, wall: self.store.wall), index: event.index)
    case .failure(let error):
      response = .refusal(error)
    }
    self.answer(response, to: head, context: context)
    context.flush()
  }

  // MARK: Watches

  private func startWatch(
    _ path: StorePath, isRecursive: Bool, isStream: Bool, waitIndex: UInt64?, head: RequestHead,
    context: ChannelHandlerContext
  ) throws(StoreError) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    let start = try self.store.watch(
      path, isRecursive: isRecursive, isStream: isStream, waitIndex: waitIndex
    ) { event, isLast in
      bound.eventLoop.execute {
        let (handler, context) = bound.value
        handler.deliver(event, isLast: isLast, context: context)
      }
    }
    self.state = .watching(head, start.id)
    let response = Response.event(
      .ok, body: ByteBuffer(), index: start.index)
    // At once, before there is any event: clients take silence for a dead server.
    var buffer = context.channel.allocator.buffer(capacity: 512)
    buffer.writeHead(
      of: response, to: head, by: self.endpoints, framing: head.isHTTP10 ? .untilClose : .chunked,
      closes: head.isHTTP10 || !head.isKeepAlive)
    context.writeAndFlush(self.wrapOutboundOut(buffer), promise: nil)
    if let event = start.event {
      // A stream that was answered from the past stays open and gets nothing more; etcd's does so.
      self.deliver(event, isLast: !isStream, context: context)
    }
    if self.isStopping { self.endWatch(context: context) }
  }

  private func deliver(_ event: ByteBuffer, isLast: Bool, context: ChannelHandlerContext) {
    guard case .watching(let head, _) = self.state else { return }
    var buffer = event
    if !head.isHTTP10 {
      buffer = context.channel.allocator.buffer(capacity: event.readableBytes + 16)
      buffer.writeChunk(event)
    }
    let size = buffer.readableBytes
    self.eventsUnderWay += 1
    self.bytesUnderWay += size
    guard
      self.eventsUnderWay == 1
        || self.eventsUnderWay <= self.limits.eventsBehind
          && self.bytesUnderWay <= self.limits.bytesBehind
    else {
      // A reader that does not keep up is cut off rather than kept everything for.
      self.forgetWatch()
      context.close(promise: nil)
      return
    }
    context.writeAndFlush(self.wrapOutboundOut(buffer)).assumeIsolated().whenComplete { _ in
      self.eventsUnderWay -= 1
      self.bytesUnderWay -= size
    }
    if isLast { self.endWatch(context: context) }
  }

  private func endWatch(context: ChannelHandlerContext) {
    guard case .watching(let head, _) = self.state else { return }
    self.forgetWatch()
    if !head.isHTTP10 {
      context.write(self.wrapOutboundOut(ByteBuffer(string: "0\r\n\r\n")), promise: nil)
    }
    self.finish(closes: head.isHTTP10 || !head.isKeepAlive || self.isStopping, context: context)
    context.flush()
  }

  private func forgetWatch() {
    guard case .watching(_, let id) = self.state else { return }
    if let id { self.store.unwatch(id) }
    self.state = .idle
  }

  // MARK: What goes out

  /// Writes, but does not flush: several answers of one read leave together.
  private func answer(
    _ response: Response, to head: RequestHead, context: ChannelHandlerContext
  ) {
    let closes = !head.isKeepAlive || self.isStopping
    var buffer = context.channel.allocator.buffer(
      capacity: 512 + response.body.readableBytes)
    buffer.writeHead(
      of: response, to: head, by: self.endpoints, framing: .length(response.body.readableBytes),
      closes: closes)
    if head.method != .HEAD { buffer.writeImmutableBuffer(response.body) }
    context.write(self.wrapOutboundOut(buffer), promise: nil)
    self.finish(closes: closes, context: context)
  }

  /// Answers bytes that are no request: what follows them cannot be understood either.
  private func refuse(_ error: RequestError, context: ChannelHandlerContext) {
    let head = RequestHead(method: .GET, target: [], isKeepAlive: false)
    self.answer(error.response, to: head, context: context)
    context.flush()
  }

  private func finish(closes: Bool, context: ChannelHandlerContext) {
    self.lastActivity = .now()
    guard closes else {
      self.state = .idle
      self.process(context: context)
      return
    }
    self.state = .closing
    self.input.clear()
    // An empty write: it is complete when all before it is out.
    context.write(self.wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
      context.close(promise: nil)
    }
  }
}
