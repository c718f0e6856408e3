import Elector
import Glibc
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

/// Shows an election to people, probes and Prometheus, and takes their wishes, over plain HTTP.
///
/// | | |
/// | --- | --- |
/// | `GET /healthz` | 200 while it can do its job, else 503 and why not |
/// | `GET /readyz` | 200 once it knows who the master is |
/// | `GET /leader` | JSON; `name` is the master, as with Kubernetes' leader-elector side-car |
/// | `GET /metrics` | Prometheus' text format |
/// | `POST /step-down?for=SECONDS` | leaves the lock to others for so long |
/// | `POST /pause`, `POST /resume` | the same without an end, and the end |
public struct StatusServer: Service {
  private let board: ElectionBoard
  private let host: String
  private let port: Int
  private let onListening: @Sendable (String) -> Void

  /// - Parameters:
  ///   - port: 0 for any.
  ///   - onListening: told the URL.
  public init(
    board: ElectionBoard, host: String, port: Int,
    onListening: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.board = board
    self.host = host
    self.port = port
    self.onListening = onListening
  }

  /// Serves until it is asked to shut down.
  /// - Throws: ``StatusServerError`` when it cannot listen.
  public func run() async throws {
    let application = Application(
      router: self.router(), configuration: .init(address: .hostname(self.host, port: self.port)),
      onServerRunning: { channel in
        guard let address = channel.localAddress, let port = address.port else { return }
        let host = address.ipAddress ?? self.host
        self.onListening("http://\(host.contains(":") ? "[\(host)]" : host):\(port)")
      }, logger: Logger(label: "http") { _ in SwiftLogNoOpLogHandler() })
    do {
      try await application.run()
    } catch let error as CancellationError {
      throw error
    } catch {
      let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) }
      throw StatusServerError(
        address: "\(self.host):\(self.port)", reason: reason ?? "\(error)")
    }
  }

  private func router() -> Router<BasicRequestContext> {
    let router = Router()
    router.get("healthz") { _, _ in
      let (status, now) = self.board.look()
      let trouble = status.trouble(at: now)
      return Self.text("\(trouble ?? "ok")\n", trouble == nil ? .ok : .serviceUnavailable)
    }
    router.get("readyz") { _, _ in
      let isReady = self.board.look().status.hasBegun
      return Self.text(
        isReady ? "ok\n" : "nobody is known to hold the lock yet\n",
        isReady ? .ok : .serviceUnavailable)
    }
    router.get("leader") { _, _ in
      Self.text(LeaderView(self.board.look().status).json + "\n", .ok, type: "application/json")
    }
    router.get("metrics") { _, _ in
      let (status, now) = self.board.look()
      return Self.text(
        ElectionMetrics.page(status, at: now), .ok, type: ElectionMetrics.contentType)
    }
    router.post("step-down") { request, _ in
      guard let text = request.uri.queryParameters["for"], let seconds = Double(text),
        seconds > 0, seconds <= 1e9
      else {
        return Self.text("for must be a number of seconds\n", .badRequest)
      }
      self.board.stepDown(for: .seconds(seconds))
      return Self.text("stepping down\n", .accepted)
    }
    router.post("pause") { _, _ in
      self.board.stepDown(for: nil)
      return Self.text("pausing\n", .accepted)
    }
    router.post("resume") { _, _ in
      self.board.resume()
      return Self.text("resuming\n", .accepted)
    }
    return router
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
