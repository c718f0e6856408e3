import Logging
import NIOCore
import NIOHTTP1

/// One client's connection: takes its requests apart, hands them to the store, and answers on the
/// connection's event loop, without a task of its own.
///
/// One request is under way at a time: while the store has one, nothing more is read, and what was read
/// along with it waits. During a watch it reads on, since that is how the client's leaving is noticed.
final class ConnectionHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundIn = Never
  typealias OutboundOut = HTTPServerResponsePart

  /// Tells a connection that the server stops: an idle one is closed, a watch is ended, and a request
  /// that is under way is answered first.
  struct Stop: Sendable {}

  private enum State {
    /// Waits for a request. Next: `receiving`.
    case idle
    /// Next: `answering`, `watching` or `idle`.
    case receiving(HTTPRequestHead, body: ByteBuffer)
    /// The store has the request. Next: `idle`.
    case answering(HTTPRequestHead, actionOnly: Bool)
    /// The head of the answer is out, events may follow. Next: `idle`.
    case watching(HTTPRequestHead, WatcherHub.ID?)
  }

  private let store: Store
  private let endpoints: Endpoints
  private var state = State.idle
  private var isStopping = false
  /// Parts of requests that were sent before the one under way was answered.
  private var waiting = CircularBuffer<HTTPServerRequestPart>()
  private var isReadHeldBack = false
  private var isGoingOn = false

  /// A client that sends so many parts during a watch is not one of HTTP's: its connection is closed.
  private static let maxWaitingParts = 64

  init(store: Store, endpoints: Endpoints) {
    self.store = store
    self.endpoints = endpoints
  }

  private var clusterID: String { self.endpoints.identity.clusterID }

  // MARK: What comes in

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = self.unwrapInboundIn(data)
    switch self.state {
    case .idle, .receiving:
      self.take(part, context: context)
    case .answering, .watching:
      self.waiting.append(part)
      if case .watching = self.state, self.waiting.count > Self.maxWaitingParts {
        context.close(promise: nil)
      }
    }
  }

  func read(context: ChannelHandlerContext) {
    if case .answering = self.state {
      self.isReadHeldBack = true
    } else {
      context.read()
    }
  }

  private func take(_ part: HTTPServerRequestPart, context: ChannelHandlerContext) {
    switch (part, self.state) {
    case (.head(let head), _):
      self.state = .receiving(head, body: ByteBuffer())
      if head.headers[canonicalForm: "expect"].contains(where: { $0.lowercased() == "100-continue" }
      ) {
        let goOn = HTTPResponseHead(version: head.version, status: .continue)
        context.writeAndFlush(self.wrapOutboundOut(.head(goOn)), promise: nil)
      }
    case (.body(var part), .receiving(let head, var body)):
      // What is too much anyway need not be kept: one byte more is enough to say so.
      self.state = .idle
      if body.readableBytes <= Form.maxBodySize { body.writeBuffer(&part) }
      self.state = .receiving(head, body: body)
    case (.end, .receiving(let head, let body)):
      self.handle(head, body: body, context: context)
    case (.body, _), (.end, _):
      break
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
    guard event is Stop else {
      context.fireUserInboundEventTriggered(event)
      return
    }
    self.isStopping = true
    switch self.state {
    case .idle: context.close(promise: nil)
    case .watching: self.endWatch(context: context)
    case .receiving, .answering: break
    }
  }

  // MARK: Requests

  private func handle(_ head: HTTPRequestHead, body: ByteBuffer, context: ChannelHandlerContext) {
    let target = RequestTarget(head.uri)
    switch Route(head.method, target) {
    case .keys(let method, let path):
      self.handleKeys(
        method, path, query: target?.query, head: head, body: body, context: context)
    case let route:
      self.answer(self.endpoints.response(to: route, head: head), to: head, context: context)
    }
  }

  private func handleKeys(
    _ method: KeysRequest.Method, _ path: StorePath, query: [UInt8]?, head: HTTPRequestHead,
    body: ByteBuffer, context: ChannelHandlerContext
  ) {
    do throws(StoreError) {
      let hasForm = method == .put || method == .post
      let form = try Form(
        query: query, body: hasForm ? Array(body.readableBytesView) : nil,
        contentType: head.headers.first(name: "content-type"))
      let now = self.store.clock.now
      switch try KeysRequest(method, path: path, form: form, now: now) {
      case .get(let path, let isRecursive, let isSorted):
        let (event, index) = try self.store.get(
          path, isRecursive: isRecursive, isSorted: isSorted, now: now)
        self.answer(
          .event(.ok, body: event.json, index: index, clusterID: self.clusterID),
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
      self.answer(
        .refusal(error, clusterID: self.clusterID), to: head, context: context)
    }
  }

  /// The writer has carried out the change, or refused it.
  private func changed(_ result: Result<Event, StoreError>, context: ChannelHandlerContext) {
    guard case .answering(let head, let actionOnly) = self.state else { return }
    let response: Response
    switch result {
    case .success(let event):
      response = .event(
        event.isCreation ? .created : .ok, body: event.json(actionOnly: actionOnly),
        index: event.index, clusterID: self.clusterID)
    case .failure(let error):
      response = .refusal(error, clusterID: self.clusterID)
    }
    self.answer(response, to: head, context: context)
  }

  // MARK: Watches

  private func startWatch(
    _ path: StorePath, isRecursive: Bool, isStream: Bool, waitIndex: UInt64?,
    head: HTTPRequestHead, context: ChannelHandlerContext
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
      .ok, body: ByteBuffer(), index: start.index, clusterID: self.clusterID)
    var responseHead = HTTPResponseHead(
      version: head.version, status: response.status,
      headers: self.endpoints.headers(of: response, to: head))
    if head.version.minor == 0 { responseHead.headers.add(name: "Connection", value: "close") }
    // At once, before there is any event: clients take silence for a dead server.
    context.writeAndFlush(self.wrapOutboundOut(.head(responseHead)), promise: nil)
    if let event = start.event {
      // A stream that was answered from the past stays open and gets nothing more; etcd's does so.
      self.deliver(event, isLast: !isStream, context: context)
    }
    if self.isStopping { self.endWatch(context: context) }
  }

  private func deliver(_ event: ByteBuffer, isLast: Bool, context: ChannelHandlerContext) {
    guard case .watching = self.state else { return }
    context.writeAndFlush(self.wrapOutboundOut(.body(.byteBuffer(event))), promise: nil)
    if isLast { self.endWatch(context: context) }
  }

  private func endWatch(context: ChannelHandlerContext) {
    guard case .watching(let head, _) = self.state else { return }
    self.forgetWatch()
    self.finish(head, context: context)
  }

  private func forgetWatch() {
    if case .watching(_, let id?) = self.state { self.store.unwatch(id) }
    self.state = .idle
  }

  // MARK: What goes out

  private func answer(
    _ response: Response, to head: HTTPRequestHead, context: ChannelHandlerContext
  ) {
    var headers = self.endpoints.headers(of: response, to: head)
    headers.add(name: "Content-Length", value: String(response.body.readableBytes))
    if !head.isKeepAlive || self.isStopping { headers.add(name: "Connection", value: "close") }
    let responseHead = HTTPResponseHead(
      version: head.version, status: response.status, headers: headers)
    context.write(self.wrapOutboundOut(.head(responseHead)), promise: nil)
    if head.method != .HEAD {
      context.write(self.wrapOutboundOut(.body(.byteBuffer(response.body))), promise: nil)
    }
    self.finish(head, context: context)
  }

  private func finish(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
    self.state = .idle
    let end = self.wrapOutboundOut(.end(nil))
    guard head.isKeepAlive, !self.isStopping else {
      self.waiting.removeAll()
      let closing = NIOLoopBound(context, eventLoop: context.eventLoop)
      context.writeAndFlush(end).whenComplete { _ in closing.value.close(promise: nil) }
      return
    }
    context.writeAndFlush(end, promise: nil)
    self.goOn(context: context)
  }

  /// Turns to what has waited, then to what has not been read yet.
  private func goOn(context: ChannelHandlerContext) {
    // An answer that is given at once ends here again: the loop below goes on then, not a deeper one.
    guard !self.isGoingOn else { return }
    self.isGoingOn = true
    defer { self.isGoingOn = false }
    while let part = self.waiting.first {
      switch self.state {
      case .idle, .receiving: break
      case .answering, .watching: return
      }
      self.waiting.removeFirst()
      self.take(part, context: context)
    }
    if self.isReadHeldBack {
      self.isReadHeldBack = false
      context.read()
    }
  }
}
