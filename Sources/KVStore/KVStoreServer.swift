import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
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

  /// How many clients are served at once where nobody says anything else.
  public static let standardMaxConnections = 16_384

  /// Where clients reach the server, with the ports that were really bound.
  public let urls: [String]

  private let store: Store
  private let listeners: [any Channel]
  private let connections: Connections
  private let certificates: TLSCertificates?
  private let logger: Logger

  private init(
    urls: [String], store: Store, listeners: [any Channel], connections: Connections,
    certificates: TLSCertificates?, logger: Logger
  ) {
    self.urls = urls
    self.store = store
    self.listeners = listeners
    self.connections = connections
    self.certificates = certificates
    self.logger = logger
  }

  /// Reads what is stored, listens, and serves until ``stop()``.
  /// - Parameters:
  ///   - listenURLs: `http://` and `https://` addresses; port 0 lets the kernel choose.
  ///   - name: the member's name in `/v2/members`.
  ///   - corsOrigins: whose pages may read the answers.
  ///   - tls: what `https://` addresses need.
  ///   - maxConnections: how many clients are served at once; `nil` for ``standardMaxConnections``. No more than the process'
  ///     limit of open files allows, see ``DescriptorLimit``.
  /// - Throws: ``StartError``.
  public static func start(
    _ storage: Storage, listenURLs: [String] = ["http://127.0.0.1:0"], name: String = "default",
    corsOrigins: CORSOrigins = .any, tls: TLSFiles = TLSFiles(), maxConnections: Int? = nil,
    logger: Logger = Logger(label: "kvstore")
  ) async throws(StartError) -> KVStoreServer {
    try await self.start(
      storage, listenURLs: listenURLs, name: name, corsOrigins: corsOrigins, tls: tls,
      maxConnections: maxConnections, logger: logger, limits: .init())
  }

  static func start(
    _ storage: Storage, listenURLs: [String], name: String, corsOrigins: CORSOrigins = .any,
    tls: TLSFiles = TLSFiles(), maxConnections: Int? = nil, logger: Logger,
    limits: ConnectionHandler.Limits
  ) async throws(StartError) -> KVStoreServer {
    let addresses = try listenURLs.map(ListenAddress.init)
    let limit = ConnectionLimit(wanted: maxConnections)
    for warning in try tls.check(for: addresses) + [limit.warning].compactMap(\.self) {
      logger.warning("\(warning)")
    }
    let certificates =
      addresses.contains(where: \.isSecure) ? try TLSCertificates(tls, logger: logger) : nil
    let location: Database.Location =
      switch storage {
      case .memory: .memory
      case .directory(let path): .directory(path)
      }
    let store = try Store(location, logger: logger)
    let connections = Connections(limit: limit.count, logger: logger)
    var listeners: [any Channel] = []
    do {
      for address in addresses {
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
          // The kernel takes as many as net.core.somaxconn says.
          .serverChannelOption(.backlog, value: 65_535)
          .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
          .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
          // Who has sent a request and says no more still wants the answer.
          .childChannelOption(.allowRemoteHalfClosure, value: true)
          // Nobody is let in before all addresses are bound: the members' list names the real ports.
          .serverChannelOption(.autoRead, value: false)
          .serverChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
              try channel.pipeline.syncOperations.addHandler(connections.acceptBackoff())
            }
          }
          .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
              guard let identity = connections.identity else {
                throw ChannelError.ioOnClosedChannel
              }
              let admission = try connections.admit(channel)
              let pipeline = channel.pipeline.syncOperations
              if address.isSecure, let certificates {
                try pipeline.addHandler(NIOSSLServerHandler(context: certificates.context))
                try pipeline.addHandler(connections.handshakeGuard(time: limits.handshakeTime))
              }
              let endpoints = Endpoints(identity: identity, store: store, corsOrigins: corsOrigins)
              switch admission {
              case .serve:
                try pipeline.addHandler(
                  ConnectionHandler(store: store, endpoints: endpoints, limits: limits))
              case .refuse:
                try pipeline.addHandler(
                  RefusalHandler(
                    limit: limit.count, endpoints: endpoints, patience: limits.refusalTime))
              }
            }
          }
        listeners.append(try await address.bind(bootstrap))
      }
      let urls = zip(addresses, listeners).map { address, listener in
        address.url(port: listener.localAddress?.port ?? address.port)
      }
      connections.identity = Identity(clusterID: store.clusterID, name: name, clientURLs: urls)
      for listener in listeners {
        try await listener.setOption(.autoRead, value: true).get()
        listener.read()
      }
      return KVStoreServer(
        urls: urls, store: store, listeners: listeners, connections: connections,
        certificates: certificates, logger: logger)
    } catch {
      for listener in listeners { try? await listener.close() }
      await store.close()
      throw error as? StartError ?? .listen(listenURLs.joined(separator: ","), "\(error)")
    }
  }

  /// How many watches wait at this moment.
  public var watcherCount: Int { self.store.watcherCount }

  /// Reads the files of ``TLSFiles`` again: new connections use them. When they are no good, the log names
  /// the file and the reason, and what was read before stays in force.
  public func reloadCertificates() async {
    guard let certificates = self.certificates else {
      self.logger.info("There are no certificates to read again: no address is https://")
      return
    }
    try? await NIOThreadPool.singleton.runIfActive { certificates.reload() }
  }

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

/// An address out of `--listen-client-urls`.
struct ListenAddress: Equatable, Sendable {
  /// Whether it is `https://`.
  let isSecure: Bool
  let host: String
  let port: Int

  /// - Throws: ``StartError/badURL(_:)`` for anything but `http://HOST[:PORT]` and `https://HOST[:PORT]`.
  init(_ url: String) throws(StartError) {
    let form = /http(s?):\/\/(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:\/]+))(?::(\d{1,5}))?\/?/
    guard let match = try? form.wholeMatch(in: url), let host = match.2 ?? match.3 else {
      throw .badURL(url)
    }
    let port = match.4.map { Int($0) ?? -1 } ?? 2379
    guard (0...65535).contains(port) else { throw .badURL(url) }
    self.isSecure = !match.1.isEmpty
    self.host = String(host)
    self.port = port
  }

  /// With the brackets that an IPv6 address needs there.
  var hostInURL: String { self.host.contains(":") ? "[\(self.host)]" : self.host }

  /// - Parameter port: the one that was bound.
  func url(port: Int) -> String {
    "\(self.isSecure ? "https" : "http")://\(self.hostInURL):\(port)"
  }

  func bind(_ bootstrap: ServerBootstrap) async throws(StartError) -> any Channel {
    do {
      return try await bootstrap.bind(host: self.host, port: self.port).get()
    } catch {
      let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
      throw .listen("\(self.hostInURL):\(self.port)", reason)
    }
  }
}
