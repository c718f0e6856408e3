import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// A request of one of our own clients.
package struct Request: Sendable {
  package let method: HTTPMethod
  package let target: String
  /// The body, a form; `nil` for none.
  package let form: String?

  package init(_ method: HTTPMethod, _ target: String, form: String? = nil) {
    self.method = method
    self.target = target
    self.form = form
  }
}

/// A connection with at most one request under way.
package struct Connection: Sendable {
  package struct Exchange: Sendable {
    /// Immediately before the request was written, and after the end of the answer was read.
    package let sentAt: ContinuousClock.Instant
    package let answeredAt: ContinuousClock.Instant
    package let status: Int
    package let bodyBytes: Int
  }

  /// A request under way.
  package struct Pending: Sendable {
    package let request: Request
    fileprivate let sentAt: ContinuousClock.Instant
    fileprivate let head: EventLoopPromise<Int>
    fileprivate let end: EventLoopPromise<Exchange>

    fileprivate func fail(_ error: BenchmarkError) {
      self.head.fail(error)
      self.end.fail(error)
    }
  }

  private let channel: any Channel
  private let port: Int

  /// How many connections are opened at a time, so that the server's backlog does not overflow.
  private static let batch = 128

  /// Opens connections to one server, all on one thread, and closes them after the body.
  package static func with<Result: Sendable>(
    _ count: Int, port: Int, _ body: ([Connection]) async throws -> Result
  ) async throws -> Result {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    var connections: [Connection] = []
    let result: Swift.Result<Result, any Error>
    do {
      while connections.count < count {
        let connecting = (0..<min(Self.batch, count - connections.count)).map { _ in
          ClientBootstrap(group: eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
              channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(AnswerHandler(port: port))
              }
            }
            .connect(host: "127.0.0.1", port: port)
        }
        for future in connecting {
          connections.append(Connection(channel: try await future.get(), port: port))
        }
      }
      result = .success(try await body(connections))
    } catch {
      result = .failure(error)
    }
    for connection in connections { await connection.close() }
    return try result.get()
  }

  /// The same with a single connection.
  package static func with<Result: Sendable>(
    port: Int, _ body: (Connection) async throws -> Result
  ) async throws -> Result {
    try await Self.with(1, port: port) { try await body($0[0]) }
  }

  /// Closes it with a reset: ten thousand lingering ones would use up the ports.
  private func close() async {
    if let socket = self.channel as? any SocketOptionProvider {
      try? await socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
    }
    try? await self.channel.close()
  }

  package func send(_ request: Request) -> Pending {
    let loop = self.channel.eventLoop
    let pending = Pending(
      request: request, sentAt: .now, head: loop.makePromise(), end: loop.makePromise())
    self.channel.writeAndFlush(pending).whenFailure { _ in
      pending.fail(.connectionLost(port: self.port))
    }
    return pending
  }

  /// - Throws: ``BenchmarkError``, but not for a status.
  package func exchange(_ request: Request) async throws -> Exchange {
    try await [self.send(request)].ends()[0]
  }

  /// - Throws: ``BenchmarkError/refused(target:status:)`` for a status that is no success.
  @discardableResult
  package func succeed(_ request: Request) async throws -> Exchange {
    let exchange = try await self.exchange(request)
    guard exchange.status < 300 else {
      throw BenchmarkError.refused(target: request.target, status: exchange.status)
    }
    return exchange
  }
}

extension [Connection.Pending] {
  /// Waits until the server has sent the head of each answer.
  /// - Throws: ``BenchmarkError/refused(target:status:)`` unless all are 200.
  package func heads() async throws {
    let statuses = try await Self.wait(self.map(\.head.futureResult), "the answers' heads")
    for (pending, status) in zip(self, statuses) where status != 200 {
      throw BenchmarkError.refused(target: pending.request.target, status: status)
    }
  }

  /// Waits for the answers, in the order of the requests.
  package func ends() async throws -> [Connection.Exchange] {
    try await Self.wait(self.map(\.end.futureResult), "\(self.count) answers")
  }

  /// - Parameter futures: at least one; all are on one event loop.
  private static func wait<Value: Sendable>(
    _ futures: [EventLoopFuture<Value>], _ what: String
  ) async throws -> [Value] {
    let loop = futures[0].eventLoop
    let promise = loop.makePromise(of: [Value].self)
    let timeout = loop.scheduleTask(in: .minutes(1)) {
      promise.fail(BenchmarkError.timedOut(what))
    }
    let all = EventLoopFuture.whenAllSucceed(futures, on: loop)
    all.cascade(to: promise)
    all.whenComplete { _ in timeout.cancel() }
    return try await promise.futureResult.get()
  }
}

/// Writes the requests of a connection, and keeps no byte of their answers.
private final class AnswerHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundIn = Connection.Pending
  typealias OutboundOut = HTTPClientRequestPart

  private let port: Int
  private var pending: Connection.Pending?
  private var status = 0
  private var bodyBytes = 0

  init(port: Int) { self.port = port }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    let pending = self.unwrapOutboundIn(data)
    self.pending = pending
    let request = pending.request
    var head = HTTPRequestHead(version: .http1_1, method: request.method, uri: request.target)
    head.headers.add(name: "Host", value: "127.0.0.1")
    if let form = request.form {
      head.headers.add(name: "Content-Type", value: Keys.formType)
      head.headers.add(name: "Content-Length", value: "\(form.utf8.count)")
    }
    context.write(self.wrapOutboundOut(.head(head)), promise: nil)
    if let form = request.form {
      let body = IOData.byteBuffer(ByteBuffer(string: form))
      context.write(self.wrapOutboundOut(.body(body)), promise: nil)
    }
    context.write(self.wrapOutboundOut(.end(nil)), promise: promise)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch self.unwrapInboundIn(data) {
    case .head(let head):
      self.bodyBytes = 0
      self.status = Int(head.status.code)
      self.pending?.head.succeed(self.status)
    case .body(let bytes): self.bodyBytes += bytes.readableBytes
    case .end:
      guard let pending = self.pending else { return }
      pending.end.succeed(
        Connection.Exchange(
          sentAt: pending.sentAt, answeredAt: .now, status: self.status, bodyBytes: self.bodyBytes))
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.pending?.fail(.connectionLost(port: self.port))
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
