import EtcdClient
import NIOCore
import NIOPosix
import Synchronization

/// Stands between a client and a server, and can fall silent: connections stay and new ones are accepted,
/// but nothing goes through any more, as when a cable is pulled or a process is stopped.
public final class Relay: Sendable {
  public let endpoint: EtcdEndpoint
  private let channel: any Channel
  private let flow: Flow

  fileprivate final class Flow: Sendable {
    struct State {
      var connections = 0
      /// Connections with a lower number have fallen silent.
      var silentBelow = 0
    }
    let state = Mutex(State())
  }

  /// Whether nothing goes through any more.
  public var isSilent: Bool {
    get { self.flow.state.withLock { $0.silentBelow == Int.max } }
    set { self.flow.state.withLock { $0.silentBelow = newValue ? Int.max : 0 } }
  }

  /// How many connections were accepted.
  public var connections: Int { self.flow.state.withLock { $0.connections } }

  /// Makes the connections that are there fall silent; new ones work.
  public func dropEstablished() { self.flow.state.withLock { $0.silentBelow = $0.connections } }

  /// Runs `body` with a relay to a server at a port of this machine.
  @discardableResult
  public static func with<Value: Sendable>(
    port: Int, _ body: (Relay) async throws -> Value
  ) async throws -> Value {
    let relay = try await Relay(port: port)
    let result: Result<Value, any Error>
    do { result = .success(try await body(relay)) } catch { result = .failure(error) }
    try await relay.channel.close()
    return try result.get()
  }

  private init(port: Int) async throws {
    let flow = Flow()
    self.channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .childChannelInitializer { client in
        let number = flow.state.withLock { state in
          defer { state.connections += 1 }
          return state.connections
        }
        return ClientBootstrap(group: client.eventLoop).connect(host: "127.0.0.1", port: port)
          .flatMapThrowing { server in
            try client.pipeline.syncOperations.addHandler(Forward(to: server, number, flow))
            try server.pipeline.syncOperations.addHandler(Forward(to: client, number, flow))
          }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    guard let port = self.channel.localAddress?.port else { throw TestFailure("no port") }
    self.endpoint = try EtcdEndpoint("http://127.0.0.1:\(port)")
    self.flow = flow
  }
}

private final class Forward: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let other: any Channel
  private let number: Int
  private let flow: Relay.Flow

  init(to other: any Channel, _ number: Int, _ flow: Relay.Flow) {
    self.other = other
    self.number = number
    self.flow = flow
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard self.flow.state.withLock({ $0.silentBelow <= self.number }) else { return }
    self.other.writeAndFlush(self.unwrapInboundIn(data), promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.other.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
