import NIOCore

/// What a client has said of a call before its first message.
///
/// A call comes by gRPC or by the JSON gateway. All of it happens on the event loop of its connection.
struct CallHead: Sendable {
  /// How messages are written.
  enum Encoding: Sendable { case protobuf, json }

  let encoding: Encoding
  /// What stands in the metadata `token` or `authorization`; by the gateway in the header `Authorization`.
  var token: String?
  /// The common name of the client's certificate.
  var certificateName: KeyName?
  /// The server's end of the connection.
  var localAddress: String?
  /// The client's end, without its port.
  var remoteAddress: String?
  let loop: any EventLoop
  /// Of the call's method.
  var tally: CallStatistics.Tally?
}

/// Where the answers of a call go: the transport's side.
protocol CallAnswers: AnyObject {
  /// - Parameter message: one message, in the call's encoding.
  func send(_ message: ByteBuffer)
  /// Nothing follows.
  func end(_ status: RPCStatus)
  /// Whether the client reads what it gets. If not, a stream waits for ``CallHandler/becameWritable()``.
  var isWritable: Bool { get }
}

/// Who carries out a call: the service's side. The transport calls nothing after ``cancelled()``, and nothing after
/// the answers' end.
protocol CallHandler: AnyObject {
  /// - Parameter message: one message, in the call's encoding.
  func received(_ message: ByteBuffer)
  /// The client sends no more messages.
  func halfClosed()
  /// The client has left, or its deadline has passed.
  func cancelled()
  func becameWritable()
  /// The server stops: a call that waits for others ends, any other one is about to be answered.
  func serverStops()
  /// Whether it may take for ever, and keeps others waiting.
  var waitsForOthers: Bool { get }
}

extension CallHandler {
  var waitsForOthers: Bool { false }

  func serverStops() {}
}

extension RPCStatus {
  /// The end of a call that waits while the server stops.
  static let serverStopped = RPCStatus(.unavailable, "etcdserver: server stopped")
}

/// The methods of all services.
protocol CallTable: Sendable {
  /// - Parameter path: `/etcdserverpb.KV/Range`.
  /// - Throws: `unimplemented` for a method or a service that is not there.
  func handler(
    _ path: String, _ head: CallHead, _ answers: any CallAnswers
  ) throws(RPCStatus) -> any CallHandler
}

/// Of an address that is not for clients.
struct NoCalls: CallTable {
  func handler(
    _ path: String, _ head: CallHead, _ answers: any CallAnswers
  ) throws(RPCStatus) -> any CallHandler {
    throw RPCStatus(.unimplemented, "no calls are served at this address: it has metrics alone")
  }
}
