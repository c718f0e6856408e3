import NIOCore

/// Answers that go on: the events of a watch, and the messages of a call.
extension ConnectionState {
  mutating func watchStarted(
    _ id: WatcherHub.ID?, index: UInt64, event: ByteBuffer?, isStream: Bool, at now: NIODeadline
  ) {
    guard case .answering(let request) = self.phase else {
      if let id { self.actions.append(.unwatch(id)) }
      return
    }
    let head = request.head
    self.phase = .watching(head, id.map { .watcher($0) } ?? .none)
    // Before there is any event: clients take silence for a dead server.
    self.writeStreamHead(.event(.ok, body: ByteBuffer(), index: index), to: head)
    // A stream that was answered from the past stays open and gets nothing more, as with etcd.
    if let event { self.send(event, isLast: !isStream, at: now) }
    if self.closesNext || self.isInputClosed { self.endWatch(at: now) }
  }

  mutating func callStarted(_ response: Response) {
    guard case .answering(let request) = self.phase else { return }
    self.phase = .watching(request.head, .call)
    self.writeStreamHead(response, to: request.head)
  }

  mutating func writeStreamHead(_ response: Response, to head: RequestHead) {
    var buffer = ByteBufferAllocator().buffer(capacity: 512)
    buffer.writeHead(
      of: response, to: head, with: self.headers, date: self.date,
      framing: head.isHTTP10 ? .untilClose : .chunked, closes: head.isHTTP10 || !head.isKeepAlive)
    self.write(buffer)
  }

  mutating func send(_ event: ByteBuffer, isLast: Bool, at now: NIODeadline) {
    guard case .watching(let head, let source) = self.phase else { return }
    var buffer = event
    if !head.isHTTP10 {
      buffer = ByteBufferAllocator().buffer(capacity: event.readableBytes + 16)
      buffer.writeChunk(event)
    }
    self.unwrittenEvents += 1
    self.unwrittenEventBytes += buffer.readableBytes
    // A client that does not keep up is cut off. One event is written whatever its size, and a call waits for its
    // client.
    let isInTime =
      self.unwrittenEvents == 1
      || self.unwrittenEvents <= self.limits.eventsBehind
        && self.unwrittenEventBytes <= self.limits.bytesBehind
    if case .watcher = source, !isInTime { return self.close() }
    self.actions.append(.writeEvent(buffer))
    guard isLast else { return }
    // The store has forgotten the watcher.
    self.phase = .watching(head, .none)
    self.endWatch(at: now)
  }

  mutating func endWatch(at now: NIODeadline) {
    guard case .watching(let head, let source) = self.phase else { return }
    self.stop(source)
    if !head.isHTTP10 { self.write(ByteBuffer(string: "0\r\n\r\n")) }
    self.finish(closes: head.isHTTP10 || !head.isKeepAlive || self.isLast, at: now)
  }

  mutating func stop(_ source: EventSource) {
    switch source {
    case .watcher(let id): self.actions.append(.unwatch(id))
    case .call: self.actions.append(.cancelCall)
    case .none: break
    }
  }
}
