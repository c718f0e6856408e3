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
    let store = ObjectStore(
      client: self.client, prefix: self.configuration.prefix,
      eventTTL: self.configuration.eventTTL.components.seconds)
    let watches = Watches(
      feeds: Dictionary(
        uniqueKeysWithValues: APIResource.all.map { resource in
          (
            resource,
            WatchFeed(
              client: self.client, path: store.path(resource), cache: store.cache,
              logger: self.logger)
          )
        }))
    let objects = Objects(
      store: store, nodeGracePeriod: self.configuration.nodeGracePeriod.components.seconds)
    let routes = APIRoutes(
      objects: objects, watches: watches,
      kubelets: KubeletProxy(
        urls: self.configuration.kubeletURLs, port: self.configuration.kubeletPort,
        address: KubeletAddress(allowsLocal: self.configuration.allowsLocalKubelets)),
      metrics: RequestCounts())
    var listeners: [(isSecure: Bool, listener: HTTPListener)] = []
    if let port = self.configuration.port {
      listeners.append((false, HTTPListener(address: self.configuration.address, port: port)))
    }
    if let tls = self.configuration.tls {
      let listener = try HTTPListener(
        address: self.configuration.secureAddress, port: self.configuration.securePort, tls: tls)
      listeners.append((true, listener))
    }
    guard !listeners.isEmpty else { throw FakeAPIServerError.noPort }
    var waiting = listeners.count
    let (bound, announcement) = AsyncStream.makeStream(of: (isSecure: Bool, url: String).self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await cancelWhenGracefulShutdown { await watches.run() } }
      group.addTask { await cancelWhenGracefulShutdown { await self.care(for: objects) } }
      for (isSecure, listener) in listeners {
        group.addTask {
          defer { announcement.finish() }
          try await self.serve(routes, listener, isSecure ? "--secure-port" : "--insecure-port") {
            announcement.yield((isSecure, $0))
          }
        }
      }
      var addresses = FakeAPIServerAddresses()
      for await (isSecure, url) in bound {
        if isSecure { addresses.secure = url } else { addresses.insecure = url }
        waiting -= 1
        if waiting == 0 {
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

  /// How long a deletion may rest that the server that began it has not ended.
  private static let deletionPause: Duration = .seconds(5)

  /// Creates the first namespaces, and goes on with deletions that were begun.
  private func care(for objects: Objects) async {
    await self.createNamespaces(objects)
    while !Task.isCancelled {
      do throws(APIFailure) { try await objects.resumeDeletions() } catch {
        self.logger.debug("Cannot go on with deletions, will retry", metadata: ["err": "\(error)"])
      }
      try? await Task.sleep(for: Self.deletionPause)
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
