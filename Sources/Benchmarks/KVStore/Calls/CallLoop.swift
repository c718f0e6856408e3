import Glibc
import NIOCore
import NIOPosix

/// Calls at full speed: each lane of each connection has one under way, and sends the next one when its answer is there.
///
/// It lives on its event loop, one for all connections.
final class CallLoop: CallConnection.Caller {
  /// What is called.
  struct Plan {
    let path: String
    /// Whether all messages of a lane are on one stream.
    var isStream = false
    /// - Parameters: a lane; the message that has answered its last call, empty for its first one.
    /// - Returns: the lane's next message; `nil` when it has none.
    let next: (Int, ByteBuffer) -> ByteBuffer?
  }

  struct Outcome: Sendable {
    var answers = 0
    var bytes = 0
    var duration = Duration.zero
    /// Of this process.
    var cpuSeconds = 0.0
  }

  private let plan: Plan
  private let headers: ByteBuffer
  private let streamsEach: Int
  /// When no further call is sent.
  private var end: NIODeadline
  private let ended: EventLoopPromise<Outcome>
  private var connections: [CallConnection] = []
  private var streams: [UInt32]
  private var answered: [ByteBuffer]
  private var busy = 0
  private var outcome = Outcome()
  private var begin = NIODeadline.now()
  private var cpuBefore = 0.0

  private init(
    _ plan: Plan, connections: Int, streams: Int, ended: EventLoopPromise<Outcome>
  ) {
    self.plan = plan
    self.headers = CallFrames.headers(plan.path)
    self.streamsEach = streams
    self.end = .distantFuture
    self.ended = ended
    self.streams = [UInt32](repeating: 0, count: connections * streams)
    self.answered = [ByteBuffer](repeating: ByteBuffer(), count: connections * streams)
  }

  /// Sends calls until the time is over, or no lane has any; then waits for the last answers.
  /// - Parameters:
  ///   - streams: of each connection.
  ///   - makePlan: on the event loop.
  /// - Throws: ``BenchmarkError`` when a single call is refused.
  static func run(
    connections: Int, streams: Int = 1, port: Int, for time: TimeAmount? = nil,
    _ makePlan: @escaping @Sendable () -> Plan
  ) async throws -> Outcome {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let ended = loop.makePromise(of: Outcome.self)
    let bound = try await loop.submit {
      NIOLoopBound(
        CallLoop(makePlan(), connections: connections, streams: streams, ended: ended),
        eventLoop: loop)
    }.get()
    let channels = try await CallConnection.connect(connections, port: port, on: loop) {
      bound.value
    } made: {
      bound.value.connections.append($0)
    }
    loop.execute { bound.value.start(for: time) }
    let result = await ended.outcome()
    loop.execute {
      for connection in bound.value.connections { connection.caller = nil }
      bound.value.connections = []
    }
    for channel in channels { try? await channel.close() }
    return try result.get()
  }

  private func start(for time: TimeAmount?) {
    self.begin = .now()
    self.cpuBefore = ownCPUSeconds()
    if let time { self.end = self.begin + time }
    for lane in self.streams.indices { self.send(lane) }
    for connection in self.connections { connection.flush() }
    self.endIfDone()
  }

  private func send(_ lane: Int) {
    guard NIODeadline.now() < self.end, let message = self.plan.next(lane, self.answered[lane])
    else {
      if self.plan.isStream, self.streams[lane] != 0 {
        self.connections[lane / self.streamsEach].finish(self.streams[lane])
      }
      return
    }
    let connection = self.connections[lane / self.streamsEach]
    self.busy += 1
    if self.plan.isStream, self.streams[lane] != 0 {
      connection.send(message, on: self.streams[lane])
    } else {
      self.streams[lane] = connection.open(
        self.headers, message, lane: lane, isLast: !self.plan.isStream)
    }
  }

  func received(_ message: ByteBuffer, byteCount: Int, on lane: Int) {
    self.outcome.answers += 1
    self.outcome.bytes += byteCount
    self.answered[lane] = message
    if self.plan.isStream { self.goOn(lane) }
  }

  func ended(_ lane: Int) {
    if !self.plan.isStream { self.goOn(lane) }
  }

  private func goOn(_ lane: Int) {
    self.busy -= 1
    self.send(lane)
    self.endIfDone()
  }

  private func endIfDone() {
    guard self.busy == 0 else { return }
    self.outcome.duration = Duration(NIODeadline.now() - self.begin)
    self.outcome.cpuSeconds = ownCPUSeconds() - self.cpuBefore
    self.ended.succeed(self.outcome)
  }

  func failed(_ error: BenchmarkError) { self.ended.fail(error) }
}

extension CallConnection {
  /// Opens connections on one event loop.
  static func connect(
    _ count: Int, port: Int, on loop: any EventLoop, caller: @escaping @Sendable () -> any Caller,
    made: @escaping @Sendable (CallConnection) -> Void
  ) async throws -> [any Channel] {
    let connecting = (0..<count).map { _ in
      ClientBootstrap(group: loop)
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            let connection = CallConnection(port: port, caller: caller())
            made(connection)
            try channel.pipeline.syncOperations.addHandler(connection)
          }
        }
        .connect(host: "127.0.0.1", port: port)
    }
    return try await EventLoopFuture.whenAllSucceed(connecting, on: loop).get()
  }
}

/// User and system time of this process.
private func ownCPUSeconds() -> Double {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return [usage.ru_utime, usage.ru_stime].reduce(0) {
    $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6
  }
}
