import NIOCore
import NIOHTTP1

/// A call of the v3 API as a request of HTTP/1: messages are JSON, and each of a stream is a line of its own.
///
/// Source: grpc-gateway 1, as etcd 3.4 has it; the answers are those of recordings.
final class GatewayCall: CallAnswers {
  private let isStream: Bool
  private let channel: any Channel
  private let report: (ConnectionState.Fact) -> Void
  private var answer = ByteBuffer()
  private var hasStarted = false

  init(
    isStream: Bool, channel: any Channel, report: @escaping (ConnectionState.Fact) -> Void
  ) {
    self.isStream = isStream
    self.channel = channel
    self.report = report
  }

  /// Hands the body to the method.
  /// - Parameter keep: gets the handler before it gets anything.
  func begin(
    _ method: Method, _ request: Request, _ services: Services, certificateName: KeyName?,
    keep: (any CallHandler) -> Void
  ) {
    let handler = services.makeHandler(
      method,
      CallHead(
        encoding: .json, token: request.head.authorization, certificateName: certificateName,
        localAddress: self.channel.localAddress?.ipAddress,
        remoteAddress: self.channel.remoteAddress?.ipAddress, loop: self.channel.eventLoop), self)
    keep(handler)
    if self.isStream {
      for value in JSONExtent.values(of: request.body.readableBytesView) {
        guard let message = request.body.getSlice(at: value.startIndex, length: value.count) else {
          continue
        }
        handler.received(message)
      }
    } else {
      handler.received(request.body)
    }
    handler.halfClosed()
  }

  var isWritable: Bool { self.channel.isWritable }

  func send(_ message: ByteBuffer) {
    guard self.isStream else {
      self.answer = message
      return
    }
    self.sendLine("result", message)
  }

  private func sendLine(_ name: StaticString, _ value: ByteBuffer) {
    if !self.hasStarted {
      self.hasStarted = true
      self.report(.callStarted(.gateway(.ok)))
    }
    var line = ByteBuffer()
    line.reserveCapacity(value.readableBytes + 16)
    line.writeStaticString("{\"")
    line.writeStaticString(name)
    line.writeStaticString("\":")
    line.writeImmutableBuffer(value)
    line.writeStaticString("}\n")
    self.report(.event(line, isLast: false))
  }

  func end(_ status: RPCStatus) {
    switch (self.hasStarted, status.code) {
    case (true, .ok): self.report(.callEnded)
    case (true, _):
      self.sendLine("error", status.lineOfStream)
      self.report(.callEnded)
    case (false, .ok): self.report(.answered(.gateway(.ok, body: self.answer)))
    // A stream's body that cannot be read.
    case (false, .invalidArgument) where self.isStream:
      self.report(.answered(.gateway(RPCStatus(.unknown, status.text))))
    case (false, _): self.report(.answered(.gateway(status)))
    }
  }
}

extension ConnectionState.Fact {
  /// Whether the call that is under way is over with it.
  var endsCall: Bool {
    switch self {
    case .answered, .callEnded: true
    default: false
    }
  }
}

extension Response {
  fileprivate static func gateway(
    _ status: HTTPResponseStatus, body: ByteBuffer = ByteBuffer()
  ) -> Response {
    Response(
      status, type: "application/json", body: body,
      headers: ["Grpc-Metadata-Content-Type": "application/grpc"])
  }

  fileprivate static func gateway(_ status: RPCStatus) -> Response {
    var json = JSONWriter()
    json.raw("{\"error\":")
    json.string(status.text.utf8)
    json.raw(",\"message\":")
    json.string(status.text.utf8)
    json.raw(",\"code\":\(status.code.rawValue)}")
    return Response(status.code.httpStatus, type: "application/json", body: json.buffer)
  }
}

extension RPCStatus {
  fileprivate var lineOfStream: ByteBuffer {
    let status = self.code.httpStatus
    var json = JSONWriter()
    json.raw("{\"grpc_code\":\(self.code.rawValue),\"http_code\":\(status.code),\"message\":")
    json.string(self.text.utf8)
    json.raw(",\"http_status\":")
    json.string(status.reasonPhrase.utf8)
    json.raw("}")
    return json.buffer
  }
}

extension RPCStatus.Code {
  /// Source: `HTTPStatusFromCode` of grpc-gateway 1.
  fileprivate var httpStatus: HTTPResponseStatus {
    switch self {
    case .ok: .ok
    case .cancelled, .deadlineExceeded: .requestTimeout
    case .invalidArgument, .outOfRange: .badRequest
    case .notFound: .notFound
    case .alreadyExists, .aborted: .conflict
    case .permissionDenied: .forbidden
    case .unauthenticated: .unauthorized
    case .resourceExhausted: .tooManyRequests
    case .failedPrecondition: .preconditionFailed
    case .unimplemented: .notImplemented
    case .unavailable: .serviceUnavailable
    case .unknown, .internal, .dataLoss: .internalServerError
    }
  }
}
