import Elector
import HTTPListening
import Hummingbird
import NIOCore
import ServiceLifecycle

/// Shows elections to people, probes and Prometheus, and takes their wishes, over plain HTTP.
///
/// | | |
/// | --- | --- |
/// | `GET /healthz` | 200 while it can do its job, else 503 and why not |
/// | `GET /readyz` | 200 once it knows who the master is |
/// | `GET /leader` | JSON; `name` is the master, as with Kubernetes' leader-elector side-car |
/// | `GET /metrics` | Prometheus' text format |
/// | `POST /step-down?for=SECONDS` | leaves the lock to others for so long |
/// | `POST /pause`, `POST /resume` | the same without an end, and the end |
///
/// With several elections `?key=NAME` means one of them; without it all are meant, and `/leader` says
/// `{"elections":[…]}`.
public struct StatusServer: Service {
  private let boards: [ElectionBoard]
  private let host: String
  private let port: Int
  private let onListening: @Sendable (String) -> Void

  /// - Parameters:
  ///   - port: 0 for any.
  ///   - onListening: told the URL.
  public init(
    boards: [ElectionBoard], host: String, port: Int,
    onListening: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.boards = boards
    self.host = host
    self.port = port
    self.onListening = onListening
  }

  /// Serves until it is asked to shut down.
  /// - Throws: ``StatusServerError`` when it cannot listen.
  public func run() async throws {
    do {
      try await HTTPListener(address: self.host, port: self.port).run(
        self.router().buildResponder(), onListening: self.onListening)
    } catch let error as HTTPListenError {
      throw StatusServerError(address: "\(self.host):\(self.port)", reason: error.reason)
    }
  }

  private func router() -> Router<BasicRequestContext> {
    let router = Router()
    router.get("healthz") { request, _ in
      self.with(request) { looks in
        let troubles = looks.compactMap { status, now in
          status.trouble(at: now).map { looks.count == 1 ? $0 : "\(status.key): \($0)" }
        }
        return Self.text(
          troubles.isEmpty ? "ok\n" : troubles.joined(separator: "\n") + "\n",
          troubles.isEmpty ? .ok : .serviceUnavailable)
      }
    }
    router.get("readyz") { request, _ in
      self.with(request) { looks in
        let isReady = looks.allSatisfy(\.status.hasBegun)
        return Self.text(
          isReady ? "ok\n" : "nobody is known to hold the lock yet\n",
          isReady ? .ok : .serviceUnavailable)
      }
    }
    router.get("leader") { request, _ in
      self.with(request) { looks in
        Self.text(
          LeaderView.json(of: looks.map(\.status)) + "\n", .ok, type: "application/json")
      }
    }
    router.get("metrics") { request, _ in
      self.with(request) {
        Self.text(ElectionMetrics.page($0), .ok, type: ElectionMetrics.contentType)
      }
    }
    router.post("step-down") { request, _ in
      guard let text = request.uri.queryParameters["for"], let seconds = Double(text),
        seconds > 0, seconds <= 1e9
      else {
        return Self.text("for must be a number of seconds\n", .badRequest)
      }
      return self.tell(request, "stepping down") { $0.stepDown(for: .seconds(seconds)) }
    }
    router.post("pause") { request, _ in
      self.tell(request, "pausing") { $0.stepDown(for: nil) }
    }
    router.post("resume") { request, _ in self.tell(request, "resuming") { $0.resume() } }
    return router
  }

  /// Those that a request means; none if it names one that is not here.
  private func meant(by request: Request) -> [ElectionBoard] {
    guard let key = request.uri.queryParameters["key"] else { return self.boards }
    return self.boards.filter { $0.key == key }
  }

  private func with(
    _ request: Request, _ answer: ([(status: ElectionStatus, now: Instant)]) -> Response
  ) -> Response {
    let boards = self.meant(by: request)
    return boards.isEmpty ? self.unknownKey : answer(boards.map { $0.look() })
  }

  private func tell(
    _ request: Request, _ text: String, _ wish: (ElectionBoard) -> Void
  ) -> Response {
    let boards = self.meant(by: request)
    if boards.isEmpty { return self.unknownKey }
    for board in boards { wish(board) }
    return Self.text("\(text)\n", .accepted)
  }

  private var unknownKey: Response {
    let keys = self.boards.map(\.key).joined(separator: ", ")
    return Self.text("there is no election of this key; those there are: \(keys)\n", .notFound)
  }

  private static func text(
    _ text: String, _ status: HTTPResponse.Status, type: String = "text/plain; charset=utf-8"
  ) -> Response {
    Response(
      status: status, headers: [.contentType: type],
      body: .init(byteBuffer: ByteBuffer(string: text)))
  }
}

/// Nobody can look at the election.
public struct StatusServerError: Error, Equatable, CustomStringConvertible {
  public var address: String
  public var reason: String

  public var description: String {
    "--http-listen: cannot listen on \(self.address): \(self.reason)"
  }
}
