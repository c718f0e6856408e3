import HTTPEndpoint
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle

/// An etcd server, v2 and v3, on SQLite, as a part of this process.
///
/// ```swift
/// try await KVStoreServer.with(.memory) { server in
///   print(server.urls)  // ["http://127.0.0.1:38513"]
/// }
/// ```
public final class KVStoreServer: Service {
  /// Where the keys are kept.
  public enum Storage: Sendable, Equatable {
    /// In memory, until the server stops.
    case memory
    /// In this directory, which is created if it is missing.
    case directory(String)
  }

  /// The default limit of connections that are served at once.
  public static let standardMaxConnections = 16_384

  /// The addresses for clients that are listened on, with the bound ports.
  public let urls: [String]
  /// The addresses for metrics alone, with the bound ports.
  public let metricsURLs: [String]

  private let store: Store
  private let listeners: [Listener]
  private let connections: Connections
  private let certificates: TLSCertificates?
  private let logger: Logger

  private init(
    store: Store, listeners: [Listener], connections: Connections,
    certificates: TLSCertificates?, logger: Logger
  ) {
    let addresses = listeners.map(\.address)
    self.urls = addresses.filter { $0.purpose == .clients }.map(\.url)
    self.metricsURLs = addresses.filter { $0.purpose == .metrics }.map(\.url)
    self.store = store
    self.listeners = listeners
    self.connections = connections
    self.certificates = certificates
    self.logger = logger
  }

  /// 10 MiB: Go's limit for forms, which is etcd's.
  public static let standardMaxRequestBytes = 10 << 20

  /// Reads the stored keys, listens, and serves until ``stop()``.
  /// - Parameters:
  ///   - storage: memory, or a directory.
  ///   - listenURLs: `http://` and `https://` addresses; with port 0 the kernel chooses one. `unix://` and `unixs://`
  ///     with a path are sockets that only their owner can open.
  ///   - metricsURLs: such addresses where only `/metrics` and `/health` are served.
  ///   - advertisedURLs: the addresses that clients switch to, in `/v2/members` and `/v2/machines`. Without
  ///     any these are `listenURLs`; instead of `0.0.0.0` a client gets the address that it has connected to.
  ///   - name: the member's name in `/v2/members`.
  ///   - corsOrigins: the origins whose pages may read and write.
  ///   - hostWhitelist: names that `Host` may have in a request without TLS, beside addresses, `localhost`
  ///     and the server's own names; `*` for all. Without any, only loopback addresses look at `Host`.
  ///   - tls: the files for `https://` addresses.
  ///   - maxConnections: connections served at once, at most what the limit of open files allows; `nil`
  ///     for ``standardMaxConnections``.
  ///   - maxRequestBytes: the most bytes of a request's body.
  ///   - callLimits: of the v3 API.
  ///   - quotaBytes: what the tables may take on disk; beyond it v3 takes nothing that adds to them. `nil` for no
  ///     limit.
  ///   - autoCompaction: which revisions of v3 are given up by themselves; `nil` for none.
  ///   - logger: the log of the server.
  /// - Throws: ``StartError``.
  public static func start(
    _ storage: Storage, listenURLs: [String] = ["http://127.0.0.1:0"],
    metricsURLs: [String] = [], advertisedURLs: [String] = [], name: String = "default",
    corsOrigins: CORSOrigins = .none, hostWhitelist: [String] = [], tls: TLSFiles = TLSFiles(),
    maxConnections: Int? = nil, maxRequestBytes: Int = KVStoreServer.standardMaxRequestBytes,
    callLimits: CallLimits = CallLimits(), quotaBytes: Int64? = nil,
    autoCompaction: AutoCompaction.Mode? = nil,
    logger: Logger = Logger(label: "kvstore")
  ) async throws(StartError) -> KVStoreServer {
    var limits = ConnectionLimits()
    limits.requestBytes = maxRequestBytes
    limits.wire.messageBytes = callLimits.messageBytes
    return try await self.start(
      storage, listenURLs: listenURLs, metricsURLs: metricsURLs, advertisedURLs: advertisedURLs,
      name: name, corsOrigins: corsOrigins, hostWhitelist: hostWhitelist, tls: tls,
      maxConnections: maxConnections, logger: logger, limits: limits, callLimits: callLimits,
      quotaBytes: quotaBytes,
      autoCompaction: autoCompaction)
  }

  /// Serves on a free port of this machine while the body runs.
  /// - Throws: ``StartError``, or what the body throws.
  @discardableResult
  public static func with<Value>(
    _ storage: Storage, isolation: isolated (any Actor)? = #isolation,
    _ body: (KVStoreServer) async throws -> sending Value
  ) async throws -> sending Value {
    let server = try await self.start(
      storage, logger: Logger(label: "kvstore") { _ in SwiftLogNoOpLogHandler() })
    do {
      let value = try await body(server)
      await server.stop()
      return value
    } catch {
      await server.stop()
      throw error
    }
  }

  static func start(
    _ storage: Storage, listenURLs: [String], metricsURLs: [String] = [],
    advertisedURLs: [String] = [], name: String, corsOrigins: CORSOrigins = .none,
    hostWhitelist: [String] = [], tls: TLSFiles = TLSFiles(), maxConnections: Int? = nil,
    logger: Logger, limits: ConnectionLimits,
    callLimits: CallLimits = CallLimits(), quotaBytes: Int64? = nil,
    autoCompaction: AutoCompaction.Mode? = nil, calls: (any CallTable)? = nil
  ) async throws(StartError) -> KVStoreServer {
    var addresses: [ListenAddress] = []
    for url in listenURLs { addresses.append(try ListenAddress(url)) }
    for url in metricsURLs { addresses.append(try ListenAddress(url, for: .metrics)) }
    let advertised = try advertisedURLs.map(ListenAddress.advertised)
    let limit = MaxConnections(wanted: maxConnections)
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
    let store = try Store(
      location, quota: quotaBytes, autoCompaction: autoCompaction, logger: logger)
    let connections = Connections(limit: limit.count, logger: logger)
    var listeners: [Listener] = []
    do {
      for address in addresses {
        let bootstrap = self.bootstrap(connections, address) { channel, pages in
          let admission = try connections.admit(channel)
          let wire = Wire(
            calls: address.purpose == .metrics ? NoCalls() : calls ?? pages.services,
            limits: limits)
          let pipeline = channel.pipeline.syncOperations
          if address.isSecure, let certificates {
            try pipeline.addHandler(NIOSSLServerHandler(context: certificates.context))
            try pipeline.addHandler(
              connections.handshakeHandler(
                time: limits.handshakeTime, namesUsers: tls.clientCertAuth))
          }
          switch admission {
          case .serve:
            let listener = BrowserPolicy.Listener(
              address: channel.parent?.localAddress?.ipAddress ?? "", isTLS: address.isSecure)
            try wire.serve(channel) {
              ConnectionHandler(
                store: store, pages: pages, listener: listener, purpose: address.purpose,
                limits: limits)
            }
          case .refuse:
            let refusal = RefusalHandler(
              limit: limit.count, headers: pages.headers, date: pages.date.now,
              patience: limits.refusalTime)
            try wire.refuse(channel, limit: limit.count, with: refusal)
          }
        }
        listeners.append(try await address.listen(bootstrap))
      }
      let identity = Identity(
        clusterID: store.clusterID, name: name,
        clients: advertised.isEmpty
          ? ListenAddress.advertised(for: listeners.map(\.address)) : advertised)
      connections.pages = Pages(
        identity: identity, store: store, corsOrigins: corsOrigins,
        browserPolicy: BrowserPolicy(
          corsOrigins: corsOrigins, hostWhitelist: hostWhitelist,
          ownNames: BrowserPolicy.names(ofMachine: BrowserPolicy.hostname)
            .union((addresses + advertised).compactMap { $0.host?.lowercased() })),
        callLimits: callLimits)
      for channel in listeners.map(\.channel) {
        try await channel.setOption(.autoRead, value: true).get()
        channel.read()
      }
      return KVStoreServer(
        store: store, listeners: listeners, connections: connections, certificates: certificates,
        logger: logger)
    } catch {
      for listener in listeners { await listener.close() }
      await store.close()
      throw error as? StartError
        ?? .listen(
          flag: ListenAddress.Purpose.clients.flag, address: listenURLs.joined(separator: ","),
          reason: "\(error)")
    }
  }

  private static func bootstrap(
    _ connections: Connections, _ address: ListenAddress,
    initialize: @escaping @Sendable (any Channel, Pages) throws -> Void
  ) -> ServerBootstrap {
    let keepAlive = address.host == nil ? [] : TCPKeepAlive.options
    // Accepted connections have the listener's keep-alive.
    return keepAlive.reduce(ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)) {
      $0.serverChannelOption($1.option, value: $1.value)
    }
    // The kernel reduces it to net.core.somaxconn.
    .serverChannelOption(.backlog, value: 65_535)
    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
    .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
    // A client that closes its direction still reads the answer.
    .childChannelOption(.allowRemoteHalfClosure, value: true)
    // No connection before all addresses are bound: the list of members has the bound ports.
    .serverChannelOption(.autoRead, value: false)
    .serverChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(connections.acceptBackoff())
      }
    }
    .childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        guard let pages = connections.pages else { throw ChannelError.ioOnClosedChannel }
        try initialize(channel, pages)
      }
    }
  }

  /// The number of waiting watches.
  public var watcherCount: Int { self.store.watcherCount }

  /// Returns when the writer has answered a request that changes nothing: changes are applied, and not only reads.
  package func writerTurn() async { await self.store.writerTurn() }

  /// Reads ``TLSFiles`` again; new connections use them. When a file cannot be used, the log names it with
  /// the reason, and the certificates in force stay.
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

  /// Accepts no new connections, answers the requests under way, ends the watches, and returns when the
  /// last batch is on disk.
  public func stop() async {
    for listener in self.listeners { await listener.close() }
    self.connections.stop()
    await self.store.close()
    await self.connections.waitUntilClosed()
    self.logger.info("kvstore has stopped")
  }
}
