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
    router.get("status") { _, _ in try Response.json(await self.cluster.status()) }
    router.addVerbs(of: self.cluster)
    router.post("down") { _, _ in
      await self.cluster.requestEnd()
      return try Response.json(ControlAnswer(error: nil))
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
}

extension Router {
  /// Serves `POST /nodes/NAME/VERB[?component=NAME]`.
  func addVerbs(of cluster: Cluster) {
    self.post("nodes/:node/:verb") { request, context in
      do {
        try await cluster.perform(
          try context.parameters.require("verb"), on: try context.parameters.require("node"),
          component: request.uri.queryParameters.get("component"))
        return try Response.json(ControlAnswer(error: nil))
      } catch let error as ClusterError {
        return try Response.json(ControlAnswer(error: error.description), status: .conflict)
      }
    }
  }
}

extension Response {
  static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: .init(byteBuffer: ByteBuffer(bytes: try JSONEncoder().encode(value))))
  }
}

/// The answer to a verb: nothing, or why it failed.
package struct ControlAnswer: Codable {
  package var error: String?
}
