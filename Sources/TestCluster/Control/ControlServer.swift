import FoundationEssentials
import Glibc
import Hummingbird
import Logging

/// Lets other programs control a running cluster, over HTTP on a socket in its state directory.
///
/// `GET /status` answers a ``ClusterStatus``; `POST /nodes/NAME/VERB[?component=NAME]` performs the command line's
/// verb of the same name, also on `store`; `POST /down` ends the cluster.
package struct ControlServer: Sendable {
  package static let socketName = "control.sock"
  package let cluster: Cluster

  package init(_ cluster: Cluster) {
    self.cluster = cluster
  }

  /// Serves while the body runs.
  package func serve<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
      group.addTask {
        try await self.run()
        return nil
      }
      group.addTask { try await body() }
      defer { group.cancelAll() }
      // A server that fails ends the body; one that ended in good order does not.
      while let result = try await group.next() {
        if let result { return result }
      }
      throw CancellationError()
    }
  }

  private func run() async throws {
    let router = Router()
    router.get("status") { _, _ in try Self.response(.ok, await self.cluster.status()) }
    router.post("nodes/:node/:verb") { request, context in
      do {
        let component = try request.uri.queryParameters.get("component")
          .map { name throws(ClusterError) -> Component in
            guard let component = Component(rawValue: name) else {
              throw .unknownComponent(name, known: Component.allCases.map(\.rawValue))
            }
            return component
          }
        try await self.perform(
          try context.parameters.require("verb"), on: try context.parameters.require("node"),
          component)
        return try Self.response(.ok, ControlAnswer(error: nil))
      } catch let error as ClusterError {
        return try Self.response(.conflict, ControlAnswer(error: error.description))
      }
    }
    router.post("down") { _, _ in
      await self.cluster.requestEnd()
      return try Self.response(.ok, ControlAnswer(error: nil))
    }
    let path = self.cluster.lock.shortPath(Self.socketName)
    let application = Application(
      router: router,
      configuration: .init(address: .unixDomainSocket(path: path)),
      onServerRunning: { _ in chmod(path, 0o600) },
      logger: Logger(label: "control") { _ in SwiftLogNoOpLogHandler() })
    defer { unlink(path) }
    try await application.run()
  }

  private func perform(_ verb: String, on node: String, _ component: Component?) async throws {
    if node == "store" {
      switch verb {
      case "kill": try await self.cluster.killStore()
      case "start": try await self.cluster.startStore()
      case "pause": try await self.cluster.pauseStore()
      case "resume": try await self.cluster.resumeStore()
      default:
        throw ClusterError.control("cannot \(verb) the store: use kill, start, pause or resume")
      }
      return
    }
    switch (verb, component) {
    case ("kill", let component?): try await self.cluster.kill(node, component)
    case ("kill", nil): try await self.cluster.kill(node)
    case ("stop", nil): try await self.cluster.stop(node)
    case ("start", nil): try await self.cluster.start(node)
    case ("pause", _): try await self.cluster.pause(node, component)
    case ("resume", _): try await self.cluster.resume(node, component)
    default: throw ClusterError.control("cannot \(verb) a node")
    }
  }

  private static func response(
    _ status: HTTPResponse.Status, _ value: some Encodable
  ) throws -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: .init(byteBuffer: ByteBuffer(bytes: try JSONEncoder().encode(value))))
  }
}

/// The answer to a verb: nothing, or why it failed.
package struct ControlAnswer: Codable {
  package var error: String?
}
