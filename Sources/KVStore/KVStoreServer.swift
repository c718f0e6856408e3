import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Synchronization

/// An etcd v2 API server on SQLite, as a part of this process.
///
/// ```swift
/// let server = try await KVStoreServer.start(.memory)
/// print(server.urls)  // ["http://127.0.0.1:38513"]
/// try await server.stop()
/// ```
public final class KVStoreServer: Service {
  /// Where the keys are kept.
  public enum Storage: Sendable, Equatable {
    /// In memory: they go with the server.
    case memory
    /// In this directory, which is made if it is not there.
    case directory(String)
  }

  /// Where clients reach the server, with the ports that were really bound.
  public let urls: [String]

  private let store: Store
  private let listeners: [any Channel]
  private let connections: Connections
  private let logger: Logger

  private init(
    urls: [String], store: Store, listeners: [any Channel], connections: Connections,
    logger: Logger
  ) {
    self.urls = urls
    self.store = store
    self.listeners = listeners
    self.connections = connections
    self.logger = logger
  }

  /// Reads what is stored, listens, and serves until ``stop()``.
  /// - Parameters:
  ///   - listenURLs: `http://` addresses; port 0 lets the kernel choose.
  ///   - name: the member's name in `/v2/members`.
  ///   - corsOrigins: whose pages may read the answers.
  /// - Throws: ``StartError``.
  public static func start(
    _ storage: Storage, listenURLs: [String] = ["http://127.0.0.1:0"], name: String = "default",
    corsOrigins: CORSOrigins = .any, logger: Logger = Logger(label: "kvstore")
  ) async throws(StartError) -> KVStoreServer {
    try await self.start(
      storage, listenURLs: listenURLs, name: name, corsOrigins: corsOrigins, logger: logger,
      limits: .init())
  }

  static func start(
    _ storage: Storage, listenURLs: [String], name: String, corsOrigins: CORSOrigins = .any,
    logger: Logger, limits: ConnectionHandler.Limits
  ) async throws(StartError) -> KVStoreServer {
    let addresses = try listenURLs.map(ListenAddress.init)
    let location: Database.Location =
      switch storage {
      case .memory: .memory
      case .directory(let path): .directory(path)
      }
    let store = try Store(location, logger: logger)
    let connections = Connections()
    var listeners: [any Channel] = []
    do {
      for address in addresses {
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
          .serverChannelOption(.backlog, value: 1024)
          .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
          .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
          // Who has sent a request and says no more still wants the answer.
          .childChannelOption(.allowRemoteHalfClosure, value: true)
          // Nobody is let in before all addresses are bound: the members' list names the real ports.
          .serverChannelOption(.autoRead, value: false)
          .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
              guard let identity = connections.identity else {
                throw ChannelError.ioOnClosedChannel
              }
              try channel.pipeline.syncOperations.addHandler(
                ConnectionHandler(
                  store: store,
                  endpoints: Endpoints(identity: identity, store: store, corsOrigins: corsOrigins),
                  limits: limits))
              connections.add(channel)
            }
          }
        listeners.append(try await address.bind(bootstrap))
      }
      let urls = zip(addresses, listeners).map { address, listener in
        "http://\(address.hostInURL):\(listener.localAddress?.port ?? address.port)"
      }
      connections.identity = Identity(clusterID: store.clusterID, name: name, clientURLs: urls)
      for listener in listeners {
        try await listener.setOption(.autoRead, value: true).get()
        listener.read()
      }
      return KVStoreServer(
        urls: urls, store: store, listeners: listeners, connections: connections, logger: logger)
    } catch {
      for listener in listeners { try? await listener.close() }
      await store.close()
      throw error as? StartError ?? .listen(listenURLs.joined(separator: ","), "\(error)")
    }
  }

  /// How many watches wait at this moment.
  public var watcherCount: Int { self.store.watcherCount }

  /// Serves until the service group shuts down gracefully or the task is cancelled, then stops.
  public func run() async throws {
    try? await gracefulShutdown()
    await self.stop()
  }

  /// Takes no new connections, answers the requests that are under way, ends the watches, and returns
  /// when the last batch is on disk.
  public func stop() async {
    for listener in self.listeners { try? await listener.close() }
    self.connections.stop()
    await self.store.close()
    await self.connections.waitUntilClosed()
    self.logger.info("kvstore has stopped")
  }
}

/// The connections that are open, so that all of them can be told to stop.
private final class Connections: Sendable {
  private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])
  private let knownIdentity = Mutex<Identity?>(nil)

  /// What the connections say of the server; `nil` until all addresses are bound.
  var identity: Identity? {
    get { self.knownIdentity.withLock { $0 } }
    set { self.knownIdentity.withLock { $0 = newValue } }
  }

  func add(_ channel: any Channel) {
    let id = ObjectIdentifier(channel)
    self.channels.withLock { $0[id] = channel }
    channel.closeFuture.whenComplete { _ in
      _ = self.channels.withLock { $0.removeValue(forKey: id) }
    }
  }

  func stop() {
    for channel in self.channels.withLock({ Array($0.values) }) {
      channel.pipeline.fireUserInboundEventTriggered(ConnectionHandler.Stop())
    }
  }

  /// Gives answers that are on their way a moment to leave, then cuts off whoever does not read them.
  func waitUntilClosed() async {
    let channels = self.channels.withLock { Array($0.values) }
    for channel in channels {
      channel.eventLoop.scheduleTask(in: .seconds(2)) { channel.close(promise: nil) }
    }
    for channel in channels { try? await channel.closeFuture.get() }
  }
}

/// An address out of `--listen-client-urls`.
struct ListenAddress: Equatable, Sendable {
  let host: String
  let port: Int

  /// - Throws: ``StartError/badURL(_:)`` for anything but `http://HOST[:PORT]`.
  init(_ url: String) throws(StartError) {
    let form = /http:\/\/(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:\/]+))(?::(\d{1,5}))?\/?/
    guard let match = try? form.wholeMatch(in: url), let host = match.1 ?? match.2 else {
      throw .badURL(url)
    }
    let port = match.3.map { Int($0) ?? -1 } ?? 2379
    guard (0...65535).contains(port) else { throw .badURL(url) }
    self.host = String(host)
    self.port = port
  }

  /// With the brackets that an IPv6 address needs there.
  var hostInURL: String { self.host.contains(":") ? "[\(self.host)]" : self.host }

  func bind(_ bootstrap: ServerBootstrap) async throws(StartError) -> any Channel {
    do {
      return try await bootstrap.bind(host: self.host, port: self.port).get()
    } catch {
      let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
      throw .listen("\(self.hostInURL):\(self.port)", reason)
    }
  }
}
