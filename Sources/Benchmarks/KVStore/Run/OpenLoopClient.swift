import NIOCore
import NIOPosix

/// Sends the PUTs of an ``OpenLoop`` to a server, over connections of one thread.
///
/// The clients share the cores with the server. So a request is bytes that were made before the start, and nothing but
/// status and length of an answer is read.
package enum OpenLoopClient {
  /// - Returns: the loop with the latencies of all its requests.
  /// - Throws: ``BenchmarkError`` for a status that is no success, for a connection that closes, and when the answers
  ///   take more than a minute longer than the loop.
  package static func run(_ schedule: OpenLoop, keyCount: Int, port: Int) async throws -> OpenLoop {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let ended = eventLoop.makePromise(of: OpenLoop.self)
    let sender = try await eventLoop.submit {
      NIOLoopBound(
        Sender(schedule, keyCount: keyCount, port: port, eventLoop: eventLoop, ended: ended),
        eventLoop: eventLoop)
    }.get()
    let connecting = (0..<schedule.connections).map { number in
      ClientBootstrap(group: eventLoop)
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(sender.value.connection(number))
          }
        }
        .connect(host: "127.0.0.1", port: port)
    }
    EventLoopFuture.andAllSucceed(connecting, on: eventLoop).whenComplete { result in
      switch result {
      case .success: sender.value.start()
      case .failure(let error): ended.fail(error)
      }
    }
    let result = await ended.outcome()
    for future in connecting { try? await future.get().close() }
    return try result.get()
  }

  /// The whole requests: those of the keys 1 to `keyCount`.
  fileprivate static func requests(keyCount: Int) -> [ByteBuffer] {
    let body = "value=\(Keys.value)"
    return (1...keyCount).map { key in
      ByteBuffer(
        string: "PUT \(Keys.many)\(key) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
          + "Content-Type: \(Keys.formType)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }
  }
}

/// Carries out an ``OpenLoop``; lives on its event loop.
private final class Sender: NIOScheduledCallbackHandler {
  private let eventLoop: any EventLoop
  private let port: Int
  private let requests: [ByteBuffer]
  private let ended: EventLoopPromise<OpenLoop>
  private var schedule: OpenLoop
  private var connections: [Int: PutConnection] = [:]
  private var startedAt = NIODeadline.now()
  /// Whether an alarm is set. It never rings later than the next request is due.
  private var isAlarmSet = false
  private var hasEnded = false

  init(
    _ schedule: OpenLoop, keyCount: Int, port: Int, eventLoop: any EventLoop,
    ended: EventLoopPromise<OpenLoop>
  ) {
    self.schedule = schedule
    self.requests = OpenLoopClient.requests(keyCount: keyCount)
    self.port = port
    self.eventLoop = eventLoop
    self.ended = ended
  }

  func connection(_ number: Int) -> PutConnection {
    let connection = PutConnection(number: number, sender: self)
    self.connections[number] = connection
    return connection
  }

  func start() {
    self.startedAt = .now()
    let limit = TimeAmount(self.schedule.due(self.schedule.count)) + .minutes(1)
    let ended = self.ended
    let timeout = self.eventLoop.scheduleTask(in: limit) {
      ended.fail(BenchmarkError.timedOut("the answers of the open loop"))
    }
    self.ended.futureResult.assumeIsolated().whenComplete { _ in
      timeout.cancel()
      self.hasEnded = true
    }
    self.send()
  }

  func handleScheduledCallback(eventLoop: some EventLoop) {
    self.isAlarmSet = false
    self.send()
  }

  func answered(by connection: Int, status: Int) {
    guard let request = self.schedule.answered(by: connection, at: self.elapsed) else {
      return self.fail(.malformed("request"))
    }
    guard status < 300 else {
      let target = "\(Keys.many)\(self.key(of: request) + 1)"
      return self.fail(.refused(target: target, status: status))
    }
    if self.schedule.isDone { return self.ended.succeed(self.schedule) }
    self.send()
  }

  /// Ends the cycle of references.
  func forget(_ connection: Int) { self.connections[connection] = nil }

  func connectionLost() { self.fail(.connectionLost(port: self.port)) }

  func fail(_ error: BenchmarkError) { self.ended.fail(error) }

  private var elapsed: Duration { Duration(.now() - self.startedAt) }

  /// All keys in turn, neighbours apart: 7919 is a prime that divides no number of keys of ours.
  private func key(of request: Int) -> Int { request * 7919 % self.requests.count }

  /// Sends what is due, and sets the alarm for the next request.
  private func send() {
    guard !self.hasEnded else { return }
    while let sending = self.schedule.next(at: self.elapsed) {
      self.connections[sending.connection]?.send(self.requests[self.key(of: sending.request)])
    }
    guard !self.isAlarmSet, let wake = self.schedule.wake else { return }
    do {
      _ = try self.eventLoop.assumeIsolated().scheduleCallback(
        at: self.startedAt + TimeAmount(wake), handler: self)
      self.isAlarmSet = true
    } catch {
      self.ended.fail(error)
    }
  }
}

/// One connection of a ``Sender``.
private final class PutConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let number: Int
  private let sender: Sender
  private var scanner = AnswerScanner()
  private var context: ChannelHandlerContext?

  init(number: Int, sender: Sender) {
    self.number = number
    self.sender = sender
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    self.sender.forget(self.number)
  }

  func send(_ request: ByteBuffer) {
    self.context?.writeAndFlush(self.wrapOutboundOut(request), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    do {
      guard let status = try self.scanner.take(self.unwrapInboundIn(data)) else { return }
      self.sender.answered(by: self.number, status: status)
    } catch {
      self.sender.fail(error)
    }
  }

  func channelInactive(context: ChannelHandlerContext) { self.sender.connectionLost() }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
