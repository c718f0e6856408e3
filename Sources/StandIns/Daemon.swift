import KubernetesClient
import KubernetesObjects
import Logging
import ServiceLifecycle

/// What both daemons are around what they decide: a port for their health, a turn once a second, and words
/// about what goes wrong.
struct Daemon: Sendable {
  let servers: APIServers
  let events: EventSender
  let logger: Logger
  private let health: HealthServer
  private let onListening: @Sendable (String) async -> Void

  /// - Parameter component: who its events come from.
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

  /// Turns until it is asked to shut down.
  /// - Parameter turn: compares what is with what should be, and does what is lacking.
  /// - Throws: ``StandInError`` when the port cannot be listened on.
  func run(_ turn: @escaping @Sendable () async throws(APIServerError) -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await self.health.run(onListening: self.onListening) }
      group.addTask {
        await cancelWhenGracefulShutdown {
          await withDiscardingTaskGroup { group in
            group.addTask { await self.events.run() }
            group.addTask { await self.turn(turn) }
          }
        }
      }
      // Whichever ends first, by failure or on request, ends the others.
      try await group.next()
      group.cancelAll()
    }
  }

  private func turn(_ turn: () async throws(APIServerError) -> Void) async {
    var told: String?
    while !Task.isCancelled {
      do throws(APIServerError) {
        try await turn()
        told = nil
      } catch {
        // That no server answers is told once, elsewhere.
        if case .unanswered = error {
        } else if told != "\(error)" {
          self.logger.error("Cannot do what is lacking", metadata: ["err": "\(error)"])
        }
        told = "\(error)"
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

  /// Does one thing of many; that something has changed meanwhile is no failure, the next turn sees it.
  func attempt(_ request: APIRequest) async throws(APIServerError) -> JSONValue? {
    do throws(APIServerError) {
      return try await self.servers.send(request)
    } catch {
      guard error.isConflict || error.isNotFound else { throw error }
      self.logger.info("Something has changed meanwhile", metadata: ["err": "\(error)"])
      return nil
    }
  }
}

/// What a stand-in daemon is told at its start.
public struct StandInConfiguration: Sendable {
  /// Any of them will do.
  public var servers: [APIServer]
  /// Where `/healthz` is to be had.
  public var address = "127.0.0.1"
  /// 0 lets the kernel choose.
  public var port: Int

  public init(servers: [APIServer], port: Int) {
    self.servers = servers
    self.port = port
  }
}
