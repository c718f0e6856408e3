import HTTPListening
import Hummingbird
import KubernetesClient
import KubernetesObjects
import Logging
import NIOCore
import ServiceLifecycle

/// The shell that both daemons share: the health port, one turn a second, logs and events.
struct Daemon: Sendable {
  let servers: APIServers
  let events: EventSender
  let logger: Logger
  private let address: String
  private let port: Int
  private let onListening: @Sendable (String) async -> Void

  /// - Parameters:
  ///   - servers: equivalent servers of one cluster.
  ///   - component: the reporter of the daemon's events.
  ///   - address: the address of `/healthz`.
  ///   - port: the port of `/healthz`; 0 lets the kernel choose.
  ///   - onListening: called once with the URL of `/healthz`.
  init(
    _ servers: [APIServer], component: String, address: String = "127.0.0.1", port: Int,
    logger: Logger, onListening: @escaping @Sendable (String) async -> Void = { _ in }
  ) {
    self.logger = logger
    self.address = address
    self.port = port
    self.onListening = onListening
    self.servers = APIServers(servers) { news in
      switch news {
      case .lost(let error):
        logger.warning("No API server answers", metadata: ["err": "\(error)"])
      case .found(let url):
        logger.info("An API server answers again", metadata: ["server": "\(url)"])
      }
    }
    self.events = EventSender(self.servers, component: component, host: "")
  }

  /// Takes turns until graceful shutdown.
  /// - Parameter turn: compares the actual state with the desired one and corrects it.
  /// - Throws: ``StandInError`` when the port cannot be bound.
  func run(_ turn: @escaping @Sendable () async throws(APIServerError) -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await self.serveHealth() }
      group.addTask {
        await cancelWhenGracefulShutdown {
          await withDiscardingTaskGroup { group in
            group.addTask { await self.events.run() }
            group.addTask { await self.repeatEverySecond(turn) }
          }
        }
      }
      // The first task to end, by failure or on request, ends the other one.
      try await group.next()
      group.cancelAll()
    }
  }

  /// `/healthz`: 200 and `ok` while the daemon runs.
  ///
  /// Source: `k8s.io/apiserver/pkg/server/healthz`.
  private func serveHealth() async throws {
    let router = Router()
    router.get("healthz") { _, _ in
      Response(
        status: .ok,
        headers: [
          .contentType: "text/plain; charset=utf-8", .xContentTypeOptions: "nosniff",
        ], body: .init(byteBuffer: ByteBuffer(string: "ok")))
    }
    do {
      try await HTTPListener(address: self.address, port: self.port).run(
        router.buildResponder(), onListening: self.onListening)
    } catch let error as HTTPListenError {
      throw StandInError(address: self.address, port: self.port, reason: error.reason)
    }
  }

  private func repeatEverySecond(_ turn: () async throws(APIServerError) -> Void) async {
    var logged: String?
    while !Task.isCancelled {
      do throws(APIServerError) {
        try await turn()
        logged = nil
      } catch {
        // The connection itself logs that no server answers.
        if case .unanswered = error {
        } else if logged != "\(error)" {
          self.logger.error("Sync failed, will retry", metadata: ["err": "\(error)"])
        }
        logged = "\(error)"
      }
      try? await Task.sleep(for: .seconds(1))
    }
  }

  /// All objects of a collection.
  func list(_ path: String, fieldSelector: String? = nil) async throws(APIServerError)
    -> [JSONValue]
  {
    let query = fieldSelector.map { [(name: "fieldSelector", value: $0)] } ?? []
    return try await self.servers.send(APIRequest("GET", path, query: query))["items"]?.elements
      ?? []
  }

  /// Sends one request of a turn.
  /// - Returns: `nil` when the object has changed or gone meanwhile: the next turn sees that.
  func attempt(_ request: APIRequest) async throws(APIServerError) -> JSONValue? {
    do throws(APIServerError) {
      return try await self.servers.send(request)
    } catch {
      guard error.isConflict || error.isNotFound else { throw error }
      self.logger.info("Object has changed meanwhile", metadata: ["err": "\(error)"])
      return nil
    }
  }
}

extension JSONValue {
  /// The subject of an event about this object.
  func subject(_ kind: String) -> EventSubject {
    EventSubject(
      kind: kind, namespace: self.metadata.namespace, name: self.metadata.name,
      uid: self.metadata.uid)
  }
}

/// A daemon's port could not be bound.
struct StandInError: Error, Equatable, CustomStringConvertible {
  let address: String
  let port: Int
  let reason: String

  var description: String {
    "cannot listen on \(self.address):\(self.port) (--address, --port): \(self.reason); choose others, "
      + "such as --port=0 for any free port"
  }
}
