import Elector
import HTTPListening
import Hummingbird
import ServiceLifecycle

/// Serves the status of elections to people, probes and Prometheus over plain HTTP. It only tells; what changes
/// something is ``ControlServer``'s.
///
/// | | |
/// | --- | --- |
/// | `GET /healthz` | liveness: 200 while the loop turns, also while the store is away, which the text tells; else 503 |
/// | `GET /readyz` | readiness: 200 while the election can work and the master is known, else 503 with the reason |
/// | `GET /leader` | JSON; `name` is the master, as in Kubernetes' leader-elector side-car |
/// | `GET /metrics` | Prometheus' text format |
///
/// With several elections `?key=NAME` selects one; without it a request concerns all of them, and `/leader`
/// answers `{"elections":[…]}`.
package struct StatusServer: Service {
  private let boards: ElectionBoards
  private let host: String
  private let port: Int
  private let onListening: @Sendable (String) -> Void

  /// - Parameters:
  ///   - port: 0 for a free one.
  ///   - onListening: gets the URL.
  package init(
    boards: [ElectionBoard], host: String, port: Int,
    onListening: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.boards = ElectionBoards(all: boards)
    self.host = host
    self.port = port
    self.onListening = onListening
  }

  /// Serves until a graceful shutdown.
  /// - Throws: ``StatusServerError`` when it cannot listen.
  package func run() async throws {
    do {
      try await HTTPListener(address: self.host, port: self.port).run(
        self.router().buildResponder(), onListening: self.onListening)
    } catch let error as HTTPListenError {
      throw StatusServerError(address: "\(self.host):\(self.port)", reason: error.reason)
    }
  }

  private typealias Look = (status: ElectionStatus, now: Instant)

  /// One line for each election that has something to say.
  private static func lines(
    _ looks: [Look], _ text: (ElectionStatus, Instant) -> String?
  ) -> String {
    looks.compactMap { status, now in
      text(status, now).map { looks.count == 1 ? "\($0)\n" : "\(status.key): \($0)\n" }
    }.joined()
  }

  private func router() -> Router<BasicRequestContext> {
    let router = Router()
    func get(
      _ path: RouterPath, type: String = "text/plain; charset=utf-8",
      _ answer: @escaping @Sendable ([Look]) -> (String, HTTPResponse.Status)
    ) {
      router.get(path) { request, _ in
        let boards = self.boards.concerned(by: request)
        if boards.isEmpty { return self.boards.unknownKey }
        let (text, status) = answer(boards.map { $0.look() })
        return .plain(text, status, type: type)
      }
    }
    get("healthz") { looks in
      let still = Self.lines(looks) { $0.standstill(at: $1) }
      if !still.isEmpty { return (still, .serviceUnavailable) }
      // A store that is away is no reason to restart the elector.
      return ("ok\n" + Self.lines(looks) { $0.trouble(at: $1) }, .ok)
    }
    get("readyz") { looks in
      let troubles = Self.lines(looks) {
        $0.standstill(at: $1) ?? $0.trouble(at: $1)
          ?? ($0.hasBegun ? nil : "the lock's holder is not known yet")
      }
      return troubles.isEmpty ? ("ok\n", .ok) : (troubles, .serviceUnavailable)
    }
    get("leader", type: "application/json") {
      (LeaderView.json(of: $0.map(\.status)) + "\n", .ok)
    }
    get("metrics", type: ElectionMetrics.contentType) { (ElectionMetrics.page($0), .ok) }
    // Earlier versions accepted them here.
    for path: RouterPath in ["step-down", "resume", "pause"] {
      router.post(path) { _, _ in
        Response.plain("this port only tells: use elector step-down and elector resume\n", .gone)
      }
    }
    return router
  }
}

/// The status server cannot listen.
package struct StatusServerError: Error, Equatable, CustomStringConvertible {
  package var address: String
  package var reason: String

  package var description: String {
    "--http-listen: cannot listen on \(self.address): \(self.reason)"
  }
}
