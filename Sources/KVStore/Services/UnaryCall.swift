import NIOCore
import SwiftProtobuf

/// Takes the answer of a call; on the call's event loop.
typealias CallReply<Answer> = @Sendable (Result<Answer, RPCStatus>) -> Void

/// How the query and the answer of a call stand in bytes.
struct CallCodec<Query: Sendable, Answer: Sendable>: Sendable {
  let decode: @Sendable (CallHead, ByteBuffer, CallLimits) throws(RPCStatus) -> Query
  let encode: @Sendable (CallHead, Answer) -> ByteBuffer
}

extension CallCodec where Query: Message, Answer: Message {
  /// As the generated messages do it.
  static var messages: CallCodec {
    CallCodec { (head, bytes, limits) throws(RPCStatus) in
      try head.query(Query.self, bytes, limits)
    } encode: { head, answer in
      head.encode(answer)
    }
  }
}

extension CallCodec {
  /// The keyspace's own values, which protobuf's bytes are read into and written from without a message.
  /// - Parameters:
  ///   - read: `nil` for what the generated message has to read.
  ///   - value: of the generated message.
  static func plain<QueryMessage: Message, AnswerMessage: Message>(
    read: @escaping @Sendable (PlainReader) -> Query?,
    value: @escaping @Sendable (QueryMessage) throws(RPCStatus) -> Query,
    write: @escaping @Sendable (Answer) -> ByteBuffer,
    message: @escaping @Sendable (Answer) -> AnswerMessage
  ) -> CallCodec {
    CallCodec { (head, bytes, limits) throws(RPCStatus) in
      if head.encoding == .protobuf, bytes.readableBytes <= limits.requestBytes,
        let query = PlainReader.read(bytes, read)
      {
        return query
      }
      return try value(try head.query(QueryMessage.self, bytes, limits))
    } encode: { head, answer in
      head.encoding == .protobuf ? write(answer) : head.encode(message(answer))
    }
  }
}

extension CallHead {
  fileprivate func query<Query: Message>(
    _ type: Query.Type, _ message: ByteBuffer, _ limits: CallLimits
  ) throws(RPCStatus) -> Query {
    let query = try self.decode(type, message)
    var byteCount = message.readableBytes
    // The same query is longer in JSON.
    if byteCount > limits.requestBytes, self.encoding == .json {
      byteCount = (try? query.serializedData().count) ?? byteCount
    }
    // What gRPC refuses by itself.
    guard byteCount <= limits.messageBytes else {
      throw RPCStatus(
        .resourceExhausted,
        "grpc: received message larger than max (\(byteCount) vs. \(limits.messageBytes))")
    }
    guard byteCount <= limits.requestBytes else {
      throw RPCStatus(.invalidArgument, "etcdserver: request is too large")
    }
    return query
  }
}

/// A call with one query and one answer.
final class UnaryCall<Query: Sendable, Answer: Sendable>: CallHandler {
  /// Answers now, or later on the call's event loop.
  typealias Body =
    @Sendable (Services, Query, CallHead, @escaping CallReply<Answer>) throws(RPCStatus) -> Void

  private let services: Services
  private let head: CallHead
  /// `nil` once the call is over.
  private var answers: (any CallAnswers)?
  private let codec: CallCodec<Query, Answer>
  private let body: Body
  private var hasQuery = false

  init(
    _ services: Services, _ head: CallHead, _ answers: any CallAnswers,
    _ codec: CallCodec<Query, Answer>, _ body: @escaping Body
  ) {
    self.codec = codec
    self.services = services
    self.head = head
    self.answers = answers
    self.body = body
  }

  func received(_ message: ByteBuffer) {
    // The rest of what the client sends is no part of the call.
    guard !self.hasQuery, self.answers != nil else { return }
    self.hasQuery = true
    self.services.store.calls.receivedBytes.add(message.readableBytes, ordering: .relaxed)
    do throws(RPCStatus) {
      let query = try self.codec.decode(self.head, message, self.services.limits)
      let bound = NIOLoopBound(self, eventLoop: self.head.loop)
      try self.body(self.services, query, self.head) { result in bound.value.finish(result) }
    } catch {
      self.finish(.failure(error))
    }
  }

  private func finish(_ result: Result<Answer, RPCStatus>) {
    guard let answers = self.answers.take() else { return }
    switch result {
    case .success(let answer):
      let message = self.codec.encode(self.head, answer)
      self.services.store.calls.sentBytes.add(message.readableBytes, ordering: .relaxed)
      self.head.tally?.ended(.ok)
      answers.send(message)
      answers.end(.ok)
    case .failure(let status):
      self.head.tally?.ended(status.code)
      answers.end(status)
    }
  }

  func halfClosed() {
    if !self.hasQuery { self.finish(.failure(RPCStatus(.unknown, "EOF"))) }
  }

  func cancelled() { self.answers = nil }

  func becameWritable() {}
}
