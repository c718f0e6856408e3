import APIServerClient
import EtcdClient
import Glibc
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOSSL
import ServiceLifecycle

/// A Kubernetes API server without Kubernetes: namespaces, pods, nodes, events, leases and replication
/// controllers, kept in etcd and nowhere else, so that any number of these serve one cluster and any can die.
///
/// It owns sockets and tasks, and no rules: these are ``ObjectRules``, ``Patch``, ``Selection``,
/// ``WatchWindow`` and their like.
public final class FakeAPIServer: Service {
  private let configuration: FakeAPIServerConfiguration
  private let client: EtcdClient
  private let logger: Logger
  private let onListening: @Sendable (FakeAPIServerAddresses) async -> Void

  /// - Parameters:
  ///   - client: of the etcd that has the objects; its owner shuts it down.
  ///   - onListening: called once, when all ports accept connections.
  public init(
    configuration: FakeAPIServerConfiguration, client: EtcdClient, logger: Logger,
    onListening: @escaping @Sendable (FakeAPIServerAddresses) async -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.client = client
    self.logger = logger
    self.onListening = onListening
  }

  /// Serves until it is asked to shut down, or its task is cancelled.
  /// - Throws: ``FakeAPIServerError`` when it cannot listen.
  public func run() async throws {
    let store = ObjectStore(client: self.client, prefix: self.configuration.prefix)
    let watches = Watches(
      feeds: Dictionary(
        uniqueKeysWithValues: APIResource.all.map { resource in
          (
            resource,
            WatchFeed(
              client: self.client, path: store.path(resource, nil), cache: store.cache,
              logger: self.logger)
          )
        }))
    let objects = Objects(
      store: store, eventTTL: self.configuration.eventTTL.components.seconds,
      nodeGracePeriod: self.configuration.nodeGracePeriod.components.seconds)
    let routes = APIRoutes(
      objects: objects, watches: watches,
      kubelets: KubeletProxy(
        urls: self.configuration.kubeletURLs, port: self.configuration.kubeletPort),
      metrics: RequestCounts())
    let (bound, announcement) = AsyncStream.makeStream(of: (isSecure: Bool, url: String).self)
    var ports = 0
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await cancelWhenGracefulShutdown { await watches.run() } }
      group.addTask { await cancelWhenGracefulShutdown { await self.makeNamespaces(objects) } }
      if let port = self.configuration.port {
        ports += 1
        group.addTask {
          defer { announcement.finish() }
          try await self.serve(
            routes, .http1(), "http", self.configuration.address, port, "--insecure-port"
          ) { announcement.yield((false, $0)) }
        }
      }
      if let tls = self.configuration.tls {
        ports += 1
        let builder = try Self.builder(tls)
        group.addTask {
          defer { announcement.finish() }
          try await self.serve(
            routes, builder, "https", self.configuration.secureAddress,
            self.configuration.securePort, "--secure-port"
          ) { announcement.yield((true, $0)) }
        }
      }
      guard ports > 0 else { throw FakeAPIServerError.noPort }
      var addresses = FakeAPIServerAddresses()
      for await (isSecure, url) in bound {
        if isSecure { addresses.secure = url } else { addresses.insecure = url }
        ports -= 1
        if ports == 0 {
          await self.onListening(addresses)
          break
        }
      }
      for try await _ in group {}
    }
  }

  private func serve(
    _ routes: APIRoutes, _ builder: HTTPServerBuilder, _ scheme: String, _ address: String,
    _ port: Int, _ flag: String, _ onListening: @escaping @Sendable (String) -> Void
  ) async throws {
    let responder = CallbackResponder<BasicRequestContext> { request, _ in
      await routes.respond(to: request)
    }
    let application = Application(
      responder: responder, server: builder,
      configuration: .init(address: .hostname(address, port: port)),
      onServerRunning: { channel in
        guard let local = channel.localAddress, let number = local.port else { return }
        let host = local.ipAddress ?? address
        onListening("\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(number)")
      }, logger: Logger(label: "http") { _ in SwiftLogNoOpLogHandler() })
    do {
      try await application.run()
    } catch let error as CancellationError {
      throw error
    } catch {
      let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) }
      throw FakeAPIServerError.cannotListen(
        address: address, port: port, flag: flag, reason: reason ?? "\(error)")
    }
  }

  /// The namespaces that are there without anybody's doing, as soon as etcd answers.
  private func makeNamespaces(_ objects: Objects) async {
    var missing = Objects.firstNamespaces
    while let name = missing.first {
      do throws(APIFailure) {
        _ = try await objects.create(.namespaces, nil, ["metadata": ["name": .string(name)]])
        missing.removeFirst()
      } catch {
        if error.reason == "AlreadyExists" {
          missing.removeFirst()
        } else {
          guard (try? await Task.sleep(for: .milliseconds(500))) != nil else { return }
        }
      }
    }
  }

  private static func builder(_ tls: FakeAPIServerTLS) throws(FakeAPIServerError)
    -> HTTPServerBuilder
  {
    func read<Value>(
      _ flag: String, _ path: String, _ body: () throws -> Value
    ) throws(FakeAPIServerError) -> Value {
      do { return try body() } catch {
        throw .certificate(flag: flag, path: path, reason: "\(error)")
      }
    }
    let chain = try read("--tls-cert-file", tls.certificateFile) {
      try NIOSSLCertificate.fromPEMFile(tls.certificateFile).map {
        NIOSSLCertificateSource.certificate($0)
      }
    }
    let key = try read("--tls-private-key-file", tls.keyFile) {
      try NIOSSLPrivateKey(file: tls.keyFile, format: .pem)
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain, privateKey: .privateKey(key))
    if let path = tls.clientAuthorityFile {
      configuration.trustRoots = .certificates(
        try read("--client-ca-file", path) { try NIOSSLCertificate.fromPEMFile(path) })
      configuration.certificateVerification = .noHostnameVerification
    }
    return try read("--tls-cert-file", tls.certificateFile) {
      try .tls(.http1(), tlsConfiguration: configuration)
    }
  }
}
