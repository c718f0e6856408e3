import FoundationEssentials
import KubernetesClient
import KubernetesObjects
import Logging
import ServiceLifecycle

/// Shows a lock as a Lease object, with an event for each takeover, while we are the master.
///
/// The election does not depend on it: when the API server fails, the log has one warning.
package struct LeasePublisher: Service {
  private let server: APIServers
  private let name: LeaseName
  private let board: ElectionBoard
  private let logger: Logger

  package init(server: APIServer, name: LeaseName, board: ElectionBoard, logger: Logger) {
    self.server = APIServers([server], longestPause: .zero)
    self.name = name
    self.board = board
    self.logger = logger
  }

  /// Writes once per `--sleep` until a graceful shutdown.
  package func run() async throws {
    await cancelWhenGracefulShutdown {
      var known: JSONValue?
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
    _ status: ElectionStatus, term: UInt64, known: JSONValue?
  ) async throws(APIServerError) -> JSONValue {
    let found: JSONValue?
    if let known { found = known } else { found = try await self.read() }
    let wanted = LeaseObjects.lease(
      self.name, holder: status.name, term: term, ttlSeconds: status.timing.ttlSeconds,
      found: found, now: .now)
    let written = try await self.send(
      found == nil
        ? APIRequest("POST", self.name.collection, wanted)
        : APIRequest("PATCH", self.name.path, wanted))
    if LeaseObjects.isTakeover(wanted, after: found) {
      try await self.server.send(
        APIRequest(
          "POST", self.name.events,
          LeaseObjects.event(written, holder: status.name, now: .now)))
    }
    return written
  }

  private func read() async throws(APIServerError) -> JSONValue? {
    do throws(APIServerError) {
      return try await self.send(APIRequest("GET", self.name.path))
    } catch {
      guard error.isNotFound else { throw error }
      return nil
    }
  }

  private func send(_ request: APIRequest) async throws(APIServerError) -> JSONValue {
    let answer = try await self.server.send(request)
    guard answer["kind"] == "Lease" else {
      throw .unreadable(
        request: "\(request.method) \(request.target)", reason: "the answer is not a Lease")
    }
    return answer
  }
}
