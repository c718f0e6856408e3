import NIOCore

/// One client's HTTP/1 connection, as a value: facts go in, actions come out.
///
/// It owns no socket, asks no store and reads no clock. ``ConnectionHandler`` reports what happens, with
/// the instant, carries out the actions in their order, and calls ``advance(at:)`` when nothing more has
/// happened. The same facts give the same bytes.
///
/// Invariants:
/// 1. One request is under way at a time: ``Action/serve(_:by:)`` does not come again before the answer.
/// 2. Answers leave in the order of their requests.
/// 3. Nothing leaves ``Phase/closed``: after ``Action/close`` no request is served and no byte written, and
///    a watch that starts too late is removed from the store.
/// 4. What has arrived and is not yet parsed is bounded, see ``ConnectionLimits/bytesAhead``.
/// 5. No request is served while earlier answers wait for the client to read: what one connection holds in
///    memory does not grow with the number of its requests.
/// 6. After the last answer the client has a bounded time to read it and to hang up, and what it sends
///    meanwhile is dropped, up to ``ConnectionLimits/bytesDropped``. Closing with unread bytes would reset
///    the connection, and the answer could be lost.
struct ConnectionState {
  enum Phase {
    /// Between two requests. Next: `receiving`, `closing`, `closed`.
    case idle
    /// The head is complete, the body is not. Next: `answering`, `closing`, `closed`.
    case receiving(RequestHead)
    /// Next: `idle`, `watching`, `closing`, `closed`.
    case answering(Request)
    /// The head of the answer is out, events follow. Next: `idle`, `closing`, `closed`.
    case watching(RequestHead, EventSource)
    /// The last answer is on its way; what arrives is dropped. Next: `lingering`, `closed`.
    case closing(lingers: Bool)
    /// The last answer and the output's end have left; what arrives is dropped. Next: `closed`.
    case lingering
    /// Final.
    case closed
  }

  /// Who sends the events of an answer.
  enum EventSource {
    case watcher(WatcherHub.ID)
    /// A call of the v3 API, which sends only while the client reads.
    case call
    /// Nobody: the answer ends with the connection.
    case none
  }

  let limits: ConnectionLimits
  let headers: ServerHeaders
  /// The header line `Date` of an answer.
  var date = ByteBuffer()
  var phase = Phase.idle
  var actions: [Action] = []

  private var parser = RequestParser()
  /// What has arrived and is not yet parsed.
  private var input = ByteBuffer()
  /// Of the request that is being received.
  private var body = ByteBuffer()
  private var requestCount = 0
  /// The connection closes after the answer that is under way.
  var closesNext = false
  private var hasWritten = false
  private var lastActivity: NIODeadline
  /// The number of the request for which the timer runs.
  private var timedRequest: Int?
  private var isReadHeldBack = false
  private var isWritable = true
  var isInputClosed = false
  private var droppedBytes = 0
  var unwrittenEvents = 0
  var unwrittenEventBytes = 0

  init(limits: ConnectionLimits, headers: ServerHeaders, openedAt now: NIODeadline) {
    self.limits = limits
    self.headers = headers
    self.lastActivity = now
  }

  // MARK: Facts

  /// - Parameter date: the header line `Date` of that instant.
  mutating func handle(
    _ fact: Fact, at now: NIODeadline, date: ByteBuffer = ByteBuffer()
  ) -> [Action] {
    defer { self.actions = [] }
    self.date = date
    switch fact {
    case .opened, .idleCheckDue: self.checkIdleness(at: now)
    case .received(let bytes): self.receive(bytes, at: now)
    case .inputClosed: self.inputClosed()
    case .writabilityChanged(let isWritable):
      self.isWritable = isWritable
      if isWritable { self.lastActivity = now }
    case .lingered:
      if case .lingering = self.phase { self.close() }
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
    case .callStarted(let response): self.callStarted(response)
    case .callEnded:
      if case .watching(let head, .call) = self.phase {
        self.phase = .watching(head, .none)
        self.endWatch(at: now)
      }
    case .event(let event, let isLast): self.send(event, isLast: isLast, at: now)
    case .eventWritten(let byteCount):
      self.unwrittenEvents -= 1
      self.unwrittenEventBytes -= byteCount
    case .allWritten: self.allWritten()
    }
    return self.actions
  }

  /// Goes on to the next request, once the actions of all facts are carried out: only then it is known
  /// whether the client reads.
  mutating func advance(at now: NIODeadline) -> [Action] {
    defer { self.actions = [] }
    self.parseInput(at: now)
    self.endInput()
    self.updateTimer()
    self.readOn()
    return self.actions
  }

  /// Whether more bytes may be read now. After a no, ``Action/read`` says when.
  mutating func mayRead() -> Bool {
    self.isReadHeldBack = !self.hasRoom
    return self.hasRoom
  }

  private var hasRoom: Bool {
    switch self.phase {
    case .answering: self.input.readableBytes <= self.limits.bytesAhead
    case .idle, .receiving: self.isWritable || self.input.readableBytes <= self.limits.bytesAhead
    case .closing: self.droppedBytes <= self.limits.bytesDropped
    case .watching, .lingering, .closed: true
    }
  }

  private mutating func receive(_ bytes: ByteBuffer, at now: NIODeadline) {
    switch self.phase {
    case .closed: return
    case .closing, .lingering:
      self.droppedBytes += bytes.readableBytes
      if case .lingering = self.phase, !(self.droppedBytes <= self.limits.bytesDropped) {
        self.close()
      }
      return
    case .idle, .receiving, .answering, .watching: break
    }
    if self.input.readableBytes == 0 {
      self.input = bytes
    } else {
      // Else the buffer of a client that is never quite done would grow for ever. Moving what is left costs
      // less than what was parsed.
      if self.input.readerIndex > self.input.readableBytes { self.input.discardReadBytes() }
      self.input.writeImmutableBuffer(bytes)
    }
    self.lastActivity = now
  }

  /// The requests that have arrived are answered, but for a watch: its client has left.
  private mutating func inputClosed() {
    self.isInputClosed = true
    switch self.phase {
    case .watching, .lingering: self.close()
    case .idle, .receiving, .answering, .closing, .closed: break
    }
  }

  /// After the client's last byte: nothing completes what is left of the input.
  private mutating func endInput() {
    guard self.isInputClosed, self.isWritable else { return }
    switch self.phase {
    case .idle, .receiving: self.closeAfterAnswers()
    case .answering, .watching, .closing, .lingering, .closed: break
    }
  }

  private mutating func allWritten() {
    guard case .closing(let lingers) = self.phase else { return }
    guard lingers, !self.isInputClosed, self.droppedBytes <= self.limits.bytesDropped else {
      return self.close()
    }
    self.phase = .lingering
    self.actions.append(.closeOutput(lingeringFor: self.limits.lingerTime))
  }

  private mutating func stop(at now: NIODeadline) {
    self.closesNext = true
    switch self.phase {
    case .idle: self.closeAfterAnswers()
    case .watching: self.endWatch(at: now)
    case .receiving, .answering, .closing, .lingering, .closed: break
    }
  }

  private mutating func checkIdleness(at now: NIODeadline) {
    let due = self.lastActivity + self.limits.idleTime
    switch self.phase {
    case .closed: return
    case .idle, .receiving, .closing, .lingering:
      if due <= now { return self.close() }
    case .answering, .watching: break
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
        case .idle where self.isWritable, .receiving where self.isWritable: break
        case .idle, .receiving, .answering, .watching, .closing, .lingering, .closed: break parsing
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
      if head.expectsContinue, head.body != .none {
        self.write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
      }
    case (.body(let part), .receiving):
      // Of a body that is too long one byte too many is kept: enough to refuse it.
      if self.body.readableBytes <= self.limits.requestBytes {
        self.body.writeImmutableBuffer(part)
      }
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
    // What waits for the client to read may be complete.
    case .idle: self.input.readableBytes > 0 && self.isWritable
    case .receiving: self.isWritable
    case .answering, .watching, .closing, .lingering, .closed: false
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
    guard self.isReadHeldBack, self.hasRoom else { return }
    self.isReadHeldBack = false
    if case .closed = self.phase { return }
    self.actions.append(.read)
  }

  // MARK: Answers

  private mutating func answer(_ response: Response, to head: RequestHead, at now: NIODeadline) {
    let closes = !head.isKeepAlive || self.isLast
    var buffer = ByteBufferAllocator().buffer(capacity: 512 + response.body.readableBytes)
    buffer.writeHead(
      of: response, to: head, with: self.headers, date: self.date,
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

  mutating func finish(closes: Bool, at now: NIODeadline) {
    self.lastActivity = now
    if closes { self.closeWhenWritten(lingers: true) } else { self.phase = .idle }
  }

  /// Whether no request follows that under way.
  var isLast: Bool {
    self.closesNext || self.isInputClosed && self.input.readableBytes == 0
  }

  /// No answer is under way, but earlier ones may not have left yet. Without any the connection closes
  /// at once: a TLS handshake may still hold back what is written.
  private mutating func closeAfterAnswers() {
    if self.hasWritten { self.closeWhenWritten(lingers: false) } else { self.close() }
  }

  private mutating func closeWhenWritten(lingers: Bool) {
    self.phase = .closing(lingers: lingers)
    self.droppedBytes = self.input.readableBytes
    self.input = ByteBuffer()
    self.actions.append(.reportWhenWritten)
  }

  mutating func write(_ bytes: ByteBuffer) {
    self.hasWritten = true
    self.actions.append(.write(bytes))
  }

  mutating func close() {
    if case .closed = self.phase { return }
    switch self.phase {
    case .watching(_, let source): self.stop(source)
    case .answering: self.actions.append(.cancelCall)
    case .idle, .receiving, .closing, .lingering, .closed: break
    }
    self.phase = .closed
    self.input = ByteBuffer()
    self.body = ByteBuffer()
    self.actions.append(.close)
  }
}
