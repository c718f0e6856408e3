import KubernetesClient
import KubernetesObjects
import Logging
import ServiceLifecycle

/// The shell that both daemons share: the health port, one turn a second, logs and events.
struct Daemon: Sendable {
  let servers: APIServers
  let events: EventSender
  let logger: Logger
  private let health: HealthServer
  private let onListening: @Sendable (String) async -> Void

  /// - Parameter component: the reporter of the daemon's events.
  init(
    _ configuration: StandInConfiguration, component: String, logger: Logger,
    onListening: @escaping @Sendable (String) async -> Void
  ) {
    self.logger = logger
    self.health = HealthServer(address: configuration.address, port: configuration.port)
    self.onListening = onListening
    self.servers = APIServers(configuration.servers) { news in
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
      group.addTask { try await self.health.run(onListening: self.onListening) }
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
