import NIOCore

/// One call on a stream of HTTP/2, as a value: it cuts what is received into messages, and knows what may be sent.
///
/// It owns no stream and reads no clock. ``StreamCall`` reports what happens, carries out what the functions return,
/// and asks ``next()`` after each report, until there is nothing.
///
/// Invariants:
/// 1. Messages are delivered whole, in order, and each once.
/// 2. While the client does not read, nothing is delivered and no further bytes are granted: neither what waits to be
///    delivered nor what waits to be sent grows with what the client sends.
/// 3. Nothing is delivered or sent after the end; there is one end.
/// 4. A message above the limit is refused when its length is known, not when it is there.
struct CallState {
  /// What the service is told next.
  enum Delivery: Equatable {
    case message(ByteBuffer)
    case halfClosed
    /// What was received is no gRPC: the call is cancelled and ends with this.
    case refusal(RPCStatus)
  }

  /// How the end is written.
  struct Ending: Equatable {
    /// There was no message: one block of headers is the whole answer.
    var isWholeAnswer: Bool
    /// The client may still send: the stream is reset after the answer.
    var resets: Bool
  }

  private enum Output { case nothing, head, ended }

  private let limits: WireLimits
  /// What was received and is not yet delivered.
  private var input = ByteBuffer()
  /// The client has ended its direction.
  private(set) var isComplete = false
  /// The half-close, or a refusal, was delivered.
  private var isInputOver = false
  private var output = Output.nothing
  /// Bytes that were sent and have not left.
  private(set) var bytesBehind = 0
  /// The client does not read. It is over when half of what may wait has left.
  private var isHeldBack = false
  /// Bytes that the client may still send.
  private var window = WireLimits.streamWindow
  /// The connection as a whole has too much to send.
  var isConnectionBehind = false

  init(limits: WireLimits) { self.limits = limits }

  /// Bytes that were received and are not yet delivered.
  var bytesAhead: Int { self.input.readableBytes }

  var isEnded: Bool { self.output == .ended }
  var isWritable: Bool { !self.isHeldBack && !self.isConnectionBehind }

  // MARK: What the client sends

  mutating func received(_ bytes: ByteBuffer, isLast: Bool) {
    if isLast { self.isComplete = true }
    guard !self.isEnded, !self.isInputOver else { return }
    if self.input.readableBytes == 0 {
      self.input = bytes
    } else {
      self.input.discardReadBytes()
      self.input.writeImmutableBuffer(bytes)
    }
  }

  /// - Parameter size: the bytes that the client may still send.
  mutating func windowChanged(_ size: Int) { self.window = size }

  /// The number of further bytes that the client is granted.
  mutating func grant() -> Int? {
    guard !self.isComplete, !self.isEnded, self.isWritable,
      self.window <= WireLimits.streamWindow / 2
    else { return nil }
    defer { self.window = WireLimits.streamWindow }
    return WireLimits.streamWindow - self.window
  }

  mutating func next() -> Delivery? {
    guard !self.isEnded, !self.isInputOver, self.isWritable else { return nil }
    let start = self.input.readerIndex
    if let flag = self.input.getInteger(at: start, as: UInt8.self),
      let length = self.input.getInteger(at: start + 1, as: UInt32.self)
    {
      if length > self.limits.messageBytes {
        return self.refuse(
          .resourceExhausted,
          "grpc: received message larger than max (\(length) vs. \(self.limits.messageBytes))")
      }
      switch flag {
      case 0: break
      case 1:
        return self.refuse(
          .internal, "grpc: compressed flag set with identity or empty encoding")
      default:
        return self.refuse(.internal, "grpc: received unexpected payload format \(flag)")
      }
      if let message = self.input.getSlice(at: start + Self.prefix, length: Int(length)) {
        self.input.moveReaderIndex(forwardBy: Self.prefix + Int(length))
        // The channel reuses the buffer of a read once it is the only owner.
        if self.input.readableBytes == 0 { self.input = ByteBuffer() }
        return .message(message)
      }
    }
    guard self.isComplete else { return nil }
    guard self.input.readableBytes == 0 else { return self.refuse(.unknown, "unexpected EOF") }
    self.isInputOver = true
    return .halfClosed
  }

  private mutating func refuse(_ code: RPCStatus.Code, _ text: String) -> Delivery {
    self.isInputOver = true
    self.input = ByteBuffer()
    return .refusal(RPCStatus(code, text))
  }

  // MARK: What the service sends

  /// The flag and the length before each message.
  static let prefix = 5

  /// - Returns: whether the head of the answer goes first; `nil` when nothing may be sent any more.
  mutating func sent(_ byteCount: Int) -> Bool? {
    guard !self.isEnded else { return nil }
    self.bytesBehind += Self.prefix + byteCount
    if self.bytesBehind > self.limits.bytesBehind { self.isHeldBack = true }
    defer { self.output = .head }
    return self.output == .nothing
  }

  /// - Parameter byteCount: bytes of messages that have left.
  /// - Returns: whether the service may go on, after it could not.
  mutating func left(_ byteCount: Int) -> Bool {
    self.bytesBehind -= byteCount
    guard self.isHeldBack, self.bytesBehind <= self.limits.bytesBehind / 2 else { return false }
    self.isHeldBack = false
    return !self.isEnded && self.isWritable
  }

  /// - Returns: `nil` when it has ended before.
  mutating func ended() -> Ending? {
    guard !self.isEnded else { return nil }
    defer {
      self.output = .ended
      self.input = ByteBuffer()
    }
    return Ending(isWholeAnswer: self.output == .nothing, resets: !self.isComplete)
  }

  /// The stream is gone.
  /// - Returns: whether the service has to be told.
  mutating func lost() -> Bool { self.ended() != nil }
}
