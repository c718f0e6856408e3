import NIOCore

/// One client's HTTP/1 connection, as a value: facts go in, actions come out.
///
/// It owns no socket, asks no store and reads no clock. ``ConnectionHandler`` reports what happens, with
/// the instant, and carries out the actions in their order. The same facts give the same bytes.
///
/// Invariants:
/// 1. One request is under way at a time: ``Action/serve(_:by:)`` does not come again before the answer.
/// 2. Answers leave in the order of their requests.
/// 3. Nothing leaves ``Phase/closed``: after ``Action/close`` no request is served and no byte written, and
///    a watch that starts too late is removed from the store.
/// 4. What has arrived and is not yet parsed is bounded, see ``ConnectionLimits/bytesAhead``.
struct ConnectionState {
  enum Fact {
    case opened
    case received(ByteBuffer)
    /// The client has closed its direction of the connection.
    case inputClosed
    /// The connection is broken, or both directions are closed.
    case lost
    case serverStopped
    /// ``Action/startRequestTimer`` ran out.
    case requestTimedOut
    /// The time of ``Action/checkIdleness(in:)`` has come.
    case idleCheckDue
    /// The password of the request that is under way was checked.
    case authenticated(Requester)
    case answered(Response)
    /// `index` is the store's when the watch began, `event` one of the past, as JSON; without an `id`
    /// nothing more can come.
    case watchStarted(id: WatcherHub.ID?, index: UInt64, event: ByteBuffer?, isStream: Bool)
    /// An event of the watch, as JSON.
    case event(ByteBuffer, isLast: Bool)
    case eventWritten(byteCount: Int)
    /// All bytes before ``Action/reportWhenWritten`` have left.
    case allWritten
  }

  enum Action {
    /// Answer this request: ``Fact/answered(_:)`` or ``Fact/watchStarted(id:index:event:isStream:)``. Without
    /// a requester the handler finds out whether it needs one, and may report
    /// ``Fact/authenticated(_:)`` first.
    case serve(Request, by: Requester?)
    case write(ByteBuffer)
    /// Write, and report ``Fact/eventWritten(byteCount:)``.
    case writeEvent(ByteBuffer)
    case unwatch(WatcherHub.ID)
    case startRequestTimer
    case stopRequestTimer
    case checkIdleness(in: TimeAmount)
    /// Read on; ``mayRead()`` had said no.
    case read
    case reportWhenWritten
    case close
  }

  private enum Phase {
    /// Between two requests. Next: `receiving`, `closing`, `closed`.
    case idle
    /// The head is complete, the body is not. Next: `answering`, `closing`, `closed`.
    case receiving(RequestHead)
    /// Next: `idle`, `watching`, `closing`, `closed`.
    case answering(Request)
    /// The head of the answer is out, events follow. Next: `idle`, `closing`, `closed`.
    case watching(RequestHead, WatcherHub.ID?)
    /// The last answer is on its way; what arrives is dropped. Next: `closed`.
    case closing
    /// Final.
    case closed
  }

  private let limits: ConnectionLimits
  private let headers: ServerHeaders
  private var phase = Phase.idle
  private var actions: [Action] = []

  private var parser = RequestParser()
  /// What has arrived and is not yet parsed.
  private var input = ByteBuffer()
  /// Of the request that is being received.
  private var body = ByteBuffer()
  private var requestCount = 0
  /// The connection closes after the answer that is under way.
  private var closesNext = false
  private var hasWritten = false
  private var lastActivity: NIODeadline
  /// The number of the request for which the timer runs.
  private var timedRequest: Int?
  private var isReadHeldBack = false
  private var unwrittenEvents = 0
  private var unwrittenEventBytes = 0

  init(limits: ConnectionLimits, headers: ServerHeaders, openedAt now: NIODeadline) {
    self.limits = limits
    self.headers = headers
    self.lastActivity = now
  }

  // MARK: Facts

  mutating func handle(_ fact: Fact, at now: NIODeadline) -> [Action] {
    defer { self.actions = [] }
    switch fact {
    case .opened, .idleCheckDue: self.checkIdleness(at: now)
    case .received(let bytes): self.receive(bytes, at: now)
    case .inputClosed: self.inputClosed()
    case .lost: self.close()
    case .serverStopped: self.stop(at: now)
    case .requestTimedOut:
      if self.isRequestIncomplete { self.refuse(.tooSlow, at: now) }
    case .authenticated(let requester):
      if case .answering(let request) = self.phase {
        self.actions.append(.serve(request, by: requester))
      }
    case .answered(let response):
      if case .answering(let request) = self.phase {
        self.answer(response, to: request.head, at: now)
      }
    case .watchStarted(let id, let index, let event, let isStream):
      self.watchStarted(id, index: index, event: event, isStream: isStream, at: now)
    case .event(let event, let isLast): self.send(event, isLast: isLast, at: now)
    case .eventWritten(let byteCount):
      self.unwrittenEvents -= 1
      self.unwrittenEventBytes -= byteCount
    case .allWritten:
      if case .closing = self.phase { self.close() }
    }
    self.parseInput(at: now)
    self.updateTimer()
    self.readOn()
    return self.actions
  }

  /// Whether more bytes may be read now. After a no, ``Action/read`` says when.
  mutating func mayRead() -> Bool {
    guard case .answering = self.phase, self.input.readableBytes > self.limits.bytesAhead else {
      return true
    }
    self.isReadHeldBack = true
    return false
  }

  private mutating func receive(_ bytes: ByteBuffer, at now: NIODeadline) {
    switch self.phase {
    case .closing, .closed: return
    case .idle, .receiving, .answering, .watching: break
    }
    if self.input.readableBytes == 0 {
      self.input = bytes
    } else {
      self.input.writeImmutableBuffer(bytes)
    }
    self.lastActivity = now
  }

  /// No request follows. The one under way is answered, unless it is a watch: its client has left.
  private mutating func inputClosed() {
    switch self.phase {
    case .idle, .receiving: self.closeAfterAnswers()
    case .answering: self.closesNext = true
    case .watching: self.close()
    case .closing, .closed: break
    }
  }

  private mutating func stop(at now: NIODeadline) {
    self.closesNext = true
    switch self.phase {
    case .idle: self.closeAfterAnswers()
    case .watching: self.endWatch(at: now)
    case .receiving, .answering, .closing, .closed: break
    }
  }

  private mutating func checkIdleness(at now: NIODeadline) {
    let due = self.lastActivity + self.limits.idleTime
    switch self.phase {
    case .closed: return
    case .idle, .closing:
      if due <= now { return self.close() }
    case .receiving, .answering, .watching: break
    }
    self.actions.append(
      .checkIdleness(in: max(due - now, min(self.limits.idleTime, .seconds(10)))))
  }

  // MARK: Requests

  /// Parses requests up to the next that has to be served.
  private mutating func parseInput(at now: NIODeadline) {
    do throws(RequestError) {
      parsing: while true {
        switch self.phase {
        case .idle, .receiving: break
        case .answering, .watching, .closing, .closed: break parsing
        }
        guard let part = try self.parser.next(&self.input) else { break }
        self.add(part)
      }
    } catch {
      self.refuse(error, at: now)
    }
    if case .watching = self.phase, self.input.readableBytes > self.limits.bytesAhead {
      self.close()
    }
    // The channel reuses the buffer of a read once it is the only owner.
    if self.input.readableBytes == 0 { self.input = ByteBuffer() }
  }

  private mutating func add(_ part: RequestParser.Part) {
    switch (part, self.phase) {
    case (.head(let head), _):
      self.phase = .receiving(head)
      if head.expectsContinue {
        self.write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
      }
    case (.body(let part), .receiving):
      // Of a body that is too long one byte too many is kept: enough to refuse it.
      if self.body.readableBytes <= Form.maxBodySize { self.body.writeImmutableBuffer(part) }
    case (.end, .receiving(let head)):
      let request = Request(head: head, body: self.body)
      self.body = ByteBuffer()
      self.requestCount += 1
      self.phase = .answering(request)
      self.actions.append(.serve(request, by: nil))
    case (.body, _), (.end, _):
      preconditionFailure("a part of a request without its head")
    }
  }

  private var isRequestIncomplete: Bool {
    switch self.phase {
    case .idle: self.input.readableBytes > 0
    case .receiving: true
    case .answering, .watching, .closing, .closed: false
    }
  }

  /// Each request has its own time, from its first byte to its last.
  private mutating func updateTimer() {
    let request = self.isRequestIncomplete ? self.requestCount : nil
    guard request != self.timedRequest else { return }
    if self.timedRequest != nil { self.actions.append(.stopRequestTimer) }
    if request != nil { self.actions.append(.startRequestTimer) }
    self.timedRequest = request
  }

  private mutating func readOn() {
    guard self.isReadHeldBack else { return }
    switch self.phase {
    case .answering: return
    case .idle, .receiving, .watching, .closing: self.actions.append(.read)
    case .closed: break
    }
    self.isReadHeldBack = false
  }

  // MARK: Watches

  private mutating func watchStarted(
    _ id: WatcherHub.ID?, index: UInt64, event: ByteBuffer?, isStream: Bool, at now: NIODeadline
  ) {
    guard case .answering(let request) = self.phase else {
      if let id { self.actions.append(.unwatch(id)) }
      return
    }
    let head = request.head
    self.phase = .watching(head, id)
    // Before there is any event: clients take silence for a dead server.
    var buffer = ByteBufferAllocator().buffer(capacity: 512)
    buffer.writeHead(
      of: .event(.ok, body: ByteBuffer(), index: index), to: head, with: self.headers,
      framing: head.isHTTP10 ? .untilClose : .chunked,
      closes: head.isHTTP10 || !head.isKeepAlive)
    self.write(buffer)
    // A stream that was answered from the past stays open and gets nothing more, as with etcd.
    if let event { self.send(event, isLast: !isStream, at: now) }
    if self.closesNext { self.endWatch(at: now) }
  }

  private mutating func send(_ event: ByteBuffer, isLast: Bool, at now: NIODeadline) {
    guard case .watching(let head, _) = self.phase else { return }
    var buffer = event
    if !head.isHTTP10 {
      buffer = ByteBufferAllocator().buffer(capacity: event.readableBytes + 16)
      buffer.writeChunk(event)
    }
    self.unwrittenEvents += 1
    self.unwrittenEventBytes += buffer.readableBytes
    // A client that does not keep up is cut off. One event is written whatever its size.
    guard
      self.unwrittenEvents == 1
        || self.unwrittenEvents <= self.limits.eventsBehind
          && self.unwrittenEventBytes <= self.limits.bytesBehind
    else { return self.close() }
    self.actions.append(.writeEvent(buffer))
    guard isLast else { return }
    // The store has forgotten the watcher.
    self.phase = .watching(head, nil)
    self.endWatch(at: now)
  }

  private mutating func endWatch(at now: NIODeadline) {
    guard case .watching(let head, let id) = self.phase else { return }
    if let id { self.actions.append(.unwatch(id)) }
    if !head.isHTTP10 { self.write(ByteBuffer(string: "0\r\n\r\n")) }
    self.finish(closes: head.isHTTP10 || !head.isKeepAlive || self.closesNext, at: now)
  }

  // MARK: Answers

  private mutating func answer(_ response: Response, to head: RequestHead, at now: NIODeadline) {
    let closes = !head.isKeepAlive || self.closesNext
    var buffer = ByteBufferAllocator().buffer(capacity: 512 + response.body.readableBytes)
    buffer.writeHead(
      of: response, to: head, with: self.headers,
      framing: .length(response.body.readableBytes), closes: closes)
    if head.method != .HEAD { buffer.writeImmutableBuffer(response.body) }
    self.write(buffer)
    self.finish(closes: closes, at: now)
  }

  /// Answers bytes that are no request. What follows them cannot be parsed either.
  private mutating func refuse(_ error: RequestError, at now: NIODeadline) {
    let head = RequestHead(method: .GET, target: [], isKeepAlive: false)
    self.answer(error.response, to: head, at: now)
  }

  private mutating func finish(closes: Bool, at now: NIODeadline) {
    self.lastActivity = now
    if closes { self.closeWhenWritten() } else { self.phase = .idle }
  }

  /// No answer is under way, but earlier ones may not have left yet. Without any the connection closes
  /// at once: a TLS handshake may still hold back what is written.
  private mutating func closeAfterAnswers() {
    if self.hasWritten { self.closeWhenWritten() } else { self.close() }
  }

  private mutating func closeWhenWritten() {
    self.phase = .closing
    self.input = ByteBuffer()
    self.actions.append(.reportWhenWritten)
  }

  private mutating func write(_ bytes: ByteBuffer) {
    self.hasWritten = true
    self.actions.append(.write(bytes))
  }

  private mutating func close() {
    if case .closed = self.phase { return }
    if case .watching(_, let id?) = self.phase { self.actions.append(.unwatch(id)) }
    self.phase = .closed
    self.input = ByteBuffer()
    self.body = ByteBuffer()
    self.actions.append(.close)
  }
}
