import NIOCore
import SwiftProtobuf

/// Takes the answer of a call; on the call's event loop.
typealias CallReply<Answer> = @Sendable (Result<Answer, RPCStatus>) -> Void

/// A call with one query and one answer.
final class UnaryCall<Query: Message, Answer: Message>: CallHandler {
  /// Answers now, or later on the call's event loop.
  typealias Body =
    @Sendable (Services, Query, CallHead, @escaping CallReply<Answer>) throws(RPCStatus) -> Void

  private let services: Services
  private let head: CallHead
  /// `nil` once the call is over.
  private var answers: (any CallAnswers)?
  private let body: Body
  private var hasQuery = false

  init(_ services: Services, _ head: CallHead, _ answers: any CallAnswers, _ body: @escaping Body) {
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
      let query = try self.head.decode(Query.self, message)
      try self.checkSize(of: query, message)
      let bound = NIOLoopBound(self, eventLoop: self.head.loop)
      try self.body(self.services, query, self.head) { result in bound.value.finish(result) }
    } catch {
      self.finish(.failure(error))
    }
  }

  private func checkSize(of query: Query, _ message: ByteBuffer) throws(RPCStatus) {
    var byteCount = message.readableBytes
    // The same query is longer in JSON.
    if byteCount > self.services.limits.requestBytes, self.head.encoding == .json {
      byteCount = (try? query.serializedData().count) ?? byteCount
    }
    // What gRPC refuses by itself.
    guard byteCount <= self.services.limits.messageBytes else {
      throw RPCStatus(
        .resourceExhausted,
        "grpc: received message larger than max (\(byteCount) vs. \(self.services.limits.messageBytes))"
      )
    }
    guard byteCount <= self.services.limits.requestBytes else {
      throw RPCStatus(.invalidArgument, "etcdserver: request is too large")
    }
  }

  private func finish(_ result: Result<Answer, RPCStatus>) {
    guard let answers = self.answers.take() else { return }
    switch result {
    case .success(let answer):
      let message = self.head.encode(answer)
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
