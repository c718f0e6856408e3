import Elector
import HTTPListening
import Hummingbird
import Linux
import NIOCore
import ServiceLifecycle

/// Accepts an operator's requests to step down, on a Unix socket that only its owner and root can open.
///
/// Not on the port of ``StatusServer``: every process of the machine, every pod in its network, and a web page in a
/// browser reaches a port.
///
/// | | |
/// | --- | --- |
/// | `POST /step-down?for=SECONDS` | releases the lock and follows for this time; without `for`, until `/resume` |
/// | `POST /resume` | takes part again |
///
/// With several elections `?key=NAME` selects one; without it a request concerns all of them.
package struct ControlServer: Service {
  private let boards: ElectionBoards
  private let path: String
  private let patience: Duration
  private let onListening: @Sendable () -> Void

  /// - Parameters:
  ///   - path: the socket's. What an earlier process left there is replaced.
  ///   - patience: how long it waits while another process listens there. An elector whose guard was killed does so until
  ///     its hand-over ends, and the next guard may have started this one before.
  ///   - onListening: called when it accepts requests.
  package init(
    boards: [ElectionBoard], path: String, patience: Duration = .seconds(60),
    onListening: @escaping @Sendable () -> Void = {}
  ) {
    self.boards = ElectionBoards(all: boards)
    self.path = path
    self.patience = patience
    self.onListening = onListening
  }

  /// Serves until a graceful shutdown, and removes the socket.
  /// - Throws: ``ControlServerError`` when it cannot listen.
  package func run() async throws {
    let end = ContinuousClock.now + self.patience
    while UnixSocket.isServed(self.path), ContinuousClock.now < end {
      if Task.isShuttingDownGracefully { return }
      try await Task.sleep(for: .milliseconds(100))
    }
    if let reason = UnixSocket.makeRoom(at: self.path) {
      throw ControlServerError(path: self.path, reason: reason)
    }
    do {
      // NIO removes the socket as it closes it: later it may be that of the next elector.
      try await HTTPListener(socket: self.path).run(self.router().buildResponder()) { _ in
        self.onListening()
      }
    } catch let error as HTTPListenError {
      throw ControlServerError(path: self.path, reason: error.reason)
    }
  }

  private func router() -> Router<BasicRequestContext> {
    let router = Router()
    router.post("step-down") { request, _ in
      guard let text = request.query["for"] else {
        return self.perform(request, "stepping down until resumed") { $0.stepDown(for: nil) }
      }
      guard let seconds = Double(text), seconds > 0, seconds <= 1e9 else {
        return .plain("for must be a number of seconds, at most 1e9\n", .badRequest)
      }
      return self.perform(request, "stepping down") { $0.stepDown(for: .seconds(seconds)) }
    }
    router.post("resume") { request, _ in self.perform(request, "resuming") { $0.resume() } }
    return router
  }

  private func perform(
    _ request: Request, _ text: String, _ action: (ElectionBoard) -> Void
  ) -> Response {
    let boards = self.boards.concerned(by: request)
    if boards.isEmpty { return self.boards.unknownKey }
    for board in boards { action(board) }
    return .plain("\(text)\n", .accepted)
  }
}

/// The control socket cannot be served.
package struct ControlServerError: Error, Equatable, CustomStringConvertible {
  package var path: String
  package var reason: String

  /// Whether another process listens.
  package var isTaken: Bool { self.reason == UnixSocket.taken }

  package var description: String {
    "--control-socket: cannot listen on \(self.path): \(self.reason)"
  }
}

/// The elections of a server, of which `?key=NAME` selects one.
struct ElectionBoards: Sendable {
  let all: [ElectionBoard]

  /// The elections that a request concerns; none for an unknown key.
  func concerned(by request: Request) -> [ElectionBoard] {
    guard let key = request.query["key"] else { return self.all }
    return self.all.filter { $0.key == key }
  }

  var unknownKey: Response {
    let keys = self.all.map(\.key).joined(separator: ", ")
    return .plain("unknown key; the keys are: \(keys)\n", .notFound)
  }
}

extension Response {
  static func plain(
    _ text: String, _ status: HTTPResponse.Status, type: String = "text/plain; charset=utf-8"
  ) -> Response {
    Response(
      status: status, headers: [.contentType: type],
      body: .init(byteBuffer: ByteBuffer(string: text)))
  }
}
