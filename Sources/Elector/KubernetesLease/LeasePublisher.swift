import FoundationEssentials
import KubernetesClient
import Logging
import ServiceLifecycle

/// Shows a lock as a Lease object, with an event for each takeover, while we are the master.
///
/// The election does not depend on it: when the API server fails, the log has one warning.
package struct LeasePublisher: Service {
  private let server: APIServer
  private let name: LeaseName
  private let board: ElectionBoard
  private let logger: Logger

  package init(server: APIServer, name: LeaseName, board: ElectionBoard, logger: Logger) {
    self.server = server
    self.name = name
    self.board = board
    self.logger = logger
  }

  /// Writes once per `--sleep` until a graceful shutdown.
  package func run() async throws {
    await cancelWhenGracefulShutdown {
      var known: LeaseObject?
      var hasFailed = false
      while !Task.isCancelled {
        let status = self.board.look().status
        if status.snapshot.leads, let term = status.snapshot.term {
          do throws(APIServerError) {
            known = try await self.publish(status, term: term, known: known)
            if hasFailed { self.logger.info("the Lease shows the lock again") }
            hasFailed = false
          } catch {
            known = nil
            if !hasFailed, !Task.isCancelled {
              self.logger.warning(
                "cannot write the Lease that shows the lock",
                metadata: ["lease": "\(self.name)", "reason": "\(error)"])
            }
            hasFailed = true
          }
        } else {
          known = nil
        }
        let pause = status.timing.sleep * .random(in: 0.9...1.1)
        guard (try? await Task.sleep(for: pause)) != nil else { return }
      }
    }
  }

  /// - Parameter known: the Lease that we wrote last.
  /// - Returns: the written Lease.
  private func publish(
    _ status: ElectionStatus, term: UInt64, known: LeaseObject?
  ) async throws(APIServerError) -> LeaseObject {
    let found: LeaseObject?
    if let known { found = known } else { found = try await self.read() }
    let wanted = LeaseObject(
      self.name, holder: status.name, term: term, ttlSeconds: status.timing.ttlSeconds,
      found: found, now: .now)
    let written = try await self.send(
      found == nil ? "POST" : "PATCH", found == nil ? self.name.collection : self.name.path, wanted)
    if wanted.isTakeover(after: found) {
      _ = try await self.server.send(
        Self.request(
          "POST", self.name.events, LeaseEvent(written, holder: status.name, now: .now)))
    }
    return written
  }

  private func read() async throws(APIServerError) -> LeaseObject? {
    do throws(APIServerError) {
      return try await self.send("GET", self.name.path, nil)
    } catch {
      guard error.isNotFound else { throw error }
      return nil
    }
  }

  private func send(
    _ method: String, _ path: String, _ lease: LeaseObject?
  ) async throws(APIServerError) -> LeaseObject {
    let body = try await self.server.send(try Self.request(method, path, lease))
    do {
      return try JSONDecoder().decode(LeaseObject.self, from: body)
    } catch {
      throw .unreadable(
        request: "\(method) \(self.server.url)\(path)", reason: "the answer is not a Lease")
    }
  }

  private static func request(
    _ method: String, _ path: String, _ object: (some Encodable)?
  ) throws(APIServerError) -> APIRequest {
    do {
      return APIRequest(
        method, path, body: try object.map { Array(try JSONEncoder().encode($0)) })
    } catch {
      throw .unreadable(request: "\(method) \(path)", reason: "\(error)")
    }
  }
}
