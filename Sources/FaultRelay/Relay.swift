import HTTPEndpoint
import NIOCore
import NIOPosix
import Synchronization

/// A proxy between a client and a server that can fall silent: connections stay and new ones are accepted,
/// but no byte passes, as when a cable is pulled or a process is stopped. It can also delay answers.
package final class Relay: Sendable {
  package let endpoint: HTTPEndpoint
  private let channel: any Channel
  private let flow: Flow

  fileprivate final class Flow: Sendable {
    struct State {
      var connections = 0
      /// Connections with a lower number have fallen silent.
      var silentBelow = 0
      var answerDelay = Duration.zero
    }
    let state = Mutex(State())
  }

  /// Whether no byte passes.
  package var isSilent: Bool {
    get { self.flow.state.withLock { $0.silentBelow == Int.max } }
    set { self.flow.state.withLock { $0.silentBelow = newValue ? Int.max : 0 } }
  }

  /// How long answers are held back; their order stays.
  package var answerDelay: Duration {
    get { self.flow.state.withLock { $0.answerDelay } }
    set { self.flow.state.withLock { $0.answerDelay = newValue } }
  }

  /// How many connections were accepted.
  package var connections: Int { self.flow.state.withLock { $0.connections } }

  /// Silences the present connections; new ones work.
  package func dropEstablished() { self.flow.state.withLock { $0.silentBelow = $0.connections } }

  /// Runs `body` with a relay to a port of this machine.
  @discardableResult
  package static func with<Value: Sendable>(
    port: Int, _ body: (Relay) async throws -> Value
  ) async throws -> Value {
    let relay = try await Relay(port: port)
    let result: Result<Value, any Error>
    do { result = .success(try await body(relay)) } catch { result = .failure(error) }
    try await relay.channel.close()
    return try result.get()
  }

  /// The same with several, in the order of the ports.
  package static func with<Value: Sendable>(
    ports: [Int], _ body: ([Relay]) async throws -> Value
  ) async throws -> Value {
    guard let port = ports.last else { return try await body([]) }
    return try await Self.with(port: port) { last in
      try await Self.with(ports: ports.dropLast()) { try await body($0 + [last]) }
    }
  }

  /// Runs `body` with a relay from a bound socket, which it closes, to a Unix socket.
  package static func with<Value: Sendable>(
    boundSocket: Int32, to path: String, _ body: (Relay) async throws -> Value
  ) async throws -> Value {
    let relay = try await Relay { bootstrap in
      bootstrap.withBoundSocket(boundSocket)
    } connect: {
      $0.connect(unixDomainSocketPath: path)
    }
    let result: Result<Value, any Error>
    do { result = .success(try await body(relay)) } catch { result = .failure(error) }
    try await relay.channel.close()
    return try result.get()
  }

  private convenience init(port: Int) async throws {
    try await self.init {
      $0.bind(host: "127.0.0.1", port: 0)
    } connect: {
      $0.connect(host: "127.0.0.1", port: port)
    }
  }

  private init(
    bind: (ServerBootstrap) -> EventLoopFuture<any Channel>,
    connect: @escaping @Sendable (ClientBootstrap) -> EventLoopFuture<any Channel>
  ) async throws {
    let flow = Flow()
    let bootstrap = ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .childChannelInitializer { client in
        let number = flow.state.withLock { state in
          defer { state.connections += 1 }
          return state.connections
        }
        return connect(ClientBootstrap(group: client.eventLoop)).flatMapThrowing { server in
          try client.pipeline.syncOperations.addHandler(Forward(to: server, number, flow))
          try server.pipeline.syncOperations.addHandler(
            Forward(to: client, number, flow, carriesAnswers: true))
        }
      }
    self.channel = try await bind(bootstrap).get()
    guard let port = self.channel.localAddress?.port else { throw RelayError.noPort }
    self.endpoint = try HTTPEndpoint("http://127.0.0.1:\(port)")
    self.flow = flow
  }
}

/// Why there is no ``Relay``.
package enum RelayError: Error, Equatable, CustomStringConvertible {
  case noPort

  package var description: String { "the relay has no port of 127.0.0.1 to listen on" }
}

private final class Forward: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let other: any Channel
  private let number: Int
  private let flow: Relay.Flow
  private let carriesAnswers: Bool
  /// When the last delayed buffer is due.
  private var lastDue = NIODeadline.uptimeNanoseconds(0)

  init(
    to other: any Channel, _ number: Int, _ flow: Relay.Flow, carriesAnswers: Bool = false
  ) {
    self.other = other
    self.number = number
    self.flow = flow
    self.carriesAnswers = carriesAnswers
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let (silentBelow, delay) = self.flow.state.withLock { ($0.silentBelow, $0.answerDelay) }
    guard silentBelow <= self.number else { return }
    let (other, buffer) = (self.other, self.unwrapInboundIn(data))
    let now = NIODeadline.now()
    let due = max(self.lastDue, self.carriesAnswers ? now + TimeAmount(delay) : now)
    guard due > now else {
      other.writeAndFlush(buffer, promise: nil)
      return
    }
    self.lastDue = due
    _ = context.eventLoop.scheduleTask(deadline: due) { other.writeAndFlush(buffer, promise: nil) }
  }

  /// A client that does not read holds its server up, and not our memory.
  func channelWritabilityChanged(context: ChannelHandlerContext) {
    self.other.setOption(.autoRead, value: context.channel.isWritable).whenFailure { _ in }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.other.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
