import NIOCore
import NIOHTTP2

/// Carries out what ``CallState`` says, between one stream of HTTP/2 and the service.
final class StreamCall: CallAnswers {
  let id: HTTP2StreamID
  let contentType: String
  let deadline: NIODeadline?
  private(set) var state: CallState
  /// `nil` after the end, which also breaks the circle of this and the service.
  private var handler: (any CallHandler)?
  private var connection: HTTP2ConnectionHandler?
  private var isDelivering = false
  /// What the connection has counted of ``CallState/bytesAhead``.
  var countedBytes = 0

  init(
    _ id: HTTP2StreamID, contentType: String, deadline: NIODeadline?, limits: WireLimits,
    on connection: HTTP2ConnectionHandler
  ) {
    self.id = id
    self.contentType = contentType
    self.deadline = deadline
    self.state = CallState(limits: limits)
    self.connection = connection
  }

  func start(_ handler: any CallHandler) {
    // The service may have answered at once.
    if !self.state.isEnded { self.handler = handler }
  }

  // MARK: What the client sends

  func received(_ bytes: ByteBuffer, isLast: Bool) {
    self.state.received(bytes, isLast: isLast)
    self.deliver()
  }

  func windowChanged(_ size: Int) {
    self.state.windowChanged(size)
    self.grant()
  }

  private func deliver() {
    // A delivery that is answered at once: the loop below goes on, not a deeper one.
    guard !self.isDelivering else { return }
    self.isDelivering = true
    while let delivery = self.state.next() {
      switch delivery {
      case .message(let message): self.handler?.received(message)
      case .halfClosed: self.handler?.halfClosed()
      case .refusal(let status): self.cut(status)
      }
    }
    self.isDelivering = false
    self.grant()
  }

  private func grant() {
    if let byteCount = self.state.grant() { self.connection?.grant(byteCount, on: self.id) }
  }

  // MARK: What the service sends

  var isWritable: Bool { self.state.isWritable }

  func send(_ message: ByteBuffer) {
    guard let connection, let needsHead = self.state.sent(message.readableBytes) else { return }
    connection.write(message, of: self, needsHead: needsHead)
  }

  func end(_ status: RPCStatus) {
    guard let connection, let ending = self.state.ended() else { return }
    (self.handler, self.connection) = (nil, nil)
    connection.end(self, status, ending)
  }

  // MARK: What happens beside them

  /// Bytes of messages have left.
  /// - Returns: whether ``proceed()`` has to be called, later.
  func left(_ byteCount: Int) -> Bool { self.state.left(byteCount) }

  func connectionChanged(isBehind: Bool) { self.state.isConnectionBehind = isBehind }

  /// The client reads again.
  func proceed() {
    guard self.isWritable else { return }
    self.handler?.becameWritable()
    self.deliver()
  }

  /// A call that waits for others ends, as one whose client may send more; others are about to be answered.
  func serverStops() {
    if self.state.isComplete { self.handler?.serverStops() } else { self.cut(.serverStopped) }
  }

  /// Ends the call in the service's place.
  func cut(_ status: RPCStatus) {
    let handler = self.handler
    self.end(status)
    handler?.cancelled()
  }

  /// The stream is gone.
  func lost() {
    guard self.state.lost() else { return }
    let handler = self.handler
    (self.handler, self.connection) = (nil, nil)
    handler?.cancelled()
  }
}
