import EtcdClient
import HTTPListening
import Hummingbird
import Logging
import ServiceLifecycle

/// A small Kubernetes API server: namespaces, pods, nodes, events, leases and replication controllers.
///
/// Its only state is in etcd, so any number of servers serve one cluster, and each may die at any time.
/// This class owns sockets and tasks and no rules; see the module's page for the rules.
public final class FakeAPIServer: Service {
  private let configuration: FakeAPIServerConfiguration
  private let client: EtcdClient
  private let logger: Logger
  private let onListening: @Sendable (FakeAPIServerAddresses) async -> Void

  /// - Parameters:
  ///   - configuration: ports, etcd's directory and kubelets.
  ///   - client: of the etcd with the objects; its owner shuts it down.
  ///   - logger: gets failures of watches.
  ///   - onListening: called once, when all ports listen.
  public init(
    configuration: FakeAPIServerConfiguration, client: EtcdClient, logger: Logger,
    onListening: @escaping @Sendable (FakeAPIServerAddresses) async -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.client = client
    self.logger = logger
    self.onListening = onListening
  }

  /// Serves until graceful shutdown or until its task is cancelled.
  /// - Throws: ``FakeAPIServerError`` or `ServerTLSError` when it cannot listen.
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
      group.addTask { await cancelWhenGracefulShutdown { await self.createNamespaces(objects) } }
      if let port = self.configuration.port {
        ports += 1
        let listener = HTTPListener(address: self.configuration.address, port: port)
        group.addTask {
          defer { announcement.finish() }
          try await self.serve(routes, listener, "--insecure-port") {
            announcement.yield((false, $0))
          }
        }
      }
      if let tls = self.configuration.tls {
        ports += 1
        let listener = try HTTPListener(
          address: self.configuration.secureAddress, port: self.configuration.securePort, tls: tls)
        group.addTask {
          defer { announcement.finish() }
          try await self.serve(routes, listener, "--secure-port") {
            announcement.yield((true, $0))
          }
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
    _ routes: APIRoutes, _ listener: HTTPListener, _ flag: String,
    _ onListening: @escaping @Sendable (String) -> Void
  ) async throws {
    let responder = CallbackResponder<BasicRequestContext> { request, _ in
      await routes.respond(to: request)
    }
    do {
      try await listener.run(responder, onListening: onListening)
    } catch let error as HTTPListenError {
      throw FakeAPIServerError.cannotListen(
        address: listener.address, port: listener.port, flag: flag, reason: error.reason)
    }
  }

  /// Creates the first namespaces as soon as etcd answers.
  private func createNamespaces(_ objects: Objects) async {
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
}
