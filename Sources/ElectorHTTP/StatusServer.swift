import Elector
import HTTPListening
import Hummingbird
import NIOCore
import ServiceLifecycle

/// Serves the status of elections to people, probes and Prometheus, and accepts requests to step down, over
/// plain HTTP.
///
/// | | |
/// | --- | --- |
/// | `GET /healthz` | 200 while the election works, else 503 with the reason |
/// | `GET /readyz` | 200 once the master is known |
/// | `GET /leader` | JSON; `name` is the master, as in Kubernetes' leader-elector side-car |
/// | `GET /metrics` | Prometheus' text format |
/// | `POST /step-down?for=SECONDS` | releases the lock and follows for this time; without `for`, until `/resume` |
/// | `POST /resume` | takes part again |
///
/// With several elections `?key=NAME` selects one; without it a request concerns all of them, and `/leader`
/// answers `{"elections":[…]}`.
package struct StatusServer: Service {
  private let boards: [ElectionBoard]
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
    self.boards = boards
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

  private static let plainText = "text/plain; charset=utf-8"

  private func router() -> Router<BasicRequestContext> {
    let router = Router()
    func get(
      _ path: RouterPath, type: String = Self.plainText,
      _ answer: @escaping @Sendable ([Look]) -> (String, HTTPResponse.Status)
    ) {
      router.get(path) { request, _ in
        let boards = self.boards(for: request)
        if boards.isEmpty { return self.unknownKey }
        let (text, status) = answer(boards.map { $0.look() })
        return Self.text(text, status, type: type)
      }
    }
    get("healthz") { looks in
      let troubles = looks.compactMap { status, now in
        status.trouble(at: now).map { looks.count == 1 ? "\($0)\n" : "\(status.key): \($0)\n" }
      }
      return troubles.isEmpty ? ("ok\n", .ok) : (troubles.joined(), .serviceUnavailable)
    }
    get("readyz") { looks in
      looks.allSatisfy(\.status.hasBegun)
        ? ("ok\n", .ok) : ("the lock's holder is not known yet\n", .serviceUnavailable)
    }
    get("leader", type: "application/json") {
      (LeaderView.json(of: $0.map(\.status)) + "\n", .ok)
    }
    get("metrics", type: ElectionMetrics.contentType) { (ElectionMetrics.page($0), .ok) }
    router.post("step-down") { request, _ in
      guard let text = request.query["for"] else {
        return self.perform(request, "stepping down until resumed") { $0.stepDown(for: nil) }
      }
      guard let seconds = Double(text), seconds > 0, seconds <= 1e9 else {
        return Self.text("for must be a number of seconds, at most 1e9\n", .badRequest)
      }
      return self.perform(request, "stepping down") { $0.stepDown(for: .seconds(seconds)) }
    }
    router.post("pause") { _, _ in
      Self.text("/pause is gone: POST /step-down without `for`\n", .gone)
    }
    router.post("resume") { request, _ in self.perform(request, "resuming") { $0.resume() } }
    return router
  }

  /// The elections that a request concerns; none for an unknown key.
  private func boards(for request: Request) -> [ElectionBoard] {
    guard let key = request.query["key"] else { return self.boards }
    return self.boards.filter { $0.key == key }
  }

  private func perform(
    _ request: Request, _ text: String, _ action: (ElectionBoard) -> Void
  ) -> Response {
    let boards = self.boards(for: request)
    if boards.isEmpty { return self.unknownKey }
    for board in boards { action(board) }
    return Self.text("\(text)\n", .accepted)
  }

  private var unknownKey: Response {
    let keys = self.boards.map(\.key).joined(separator: ", ")
    return Self.text("unknown key; the keys are: \(keys)\n", .notFound)
  }

  private static func text(
    _ text: String, _ status: HTTPResponse.Status, type: String = Self.plainText
  ) -> Response {
    Response(
      status: status, headers: [.contentType: type],
      body: .init(byteBuffer: ByteBuffer(string: text)))
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
