import Elector
import ElectorHTTP
import Glibc
import Linux
import Logging
import ServiceLifecycle

/// The Unix socket of an elector for an operator's requests.
struct ControlSocket: Equatable, Sendable {
  /// Where electors make them, and where commands look for them.
  static let directory = "/run/elector"

  let path: String
  /// Whether nothing has named it; then the elector goes on without it.
  let isDefault: Bool

  init(path: String, isDefault: Bool) {
    self.path = path
    self.isDefault = isDefault
  }

  /// The one of an elector with these elections, when no flag names one.
  init(keys: [String]) {
    let name = keys.count == 1 ? keys[0].split(separator: "/").joined(separator: "-") : "elections"
    self.init(path: "\(Self.directory)/\(name).sock", isDefault: true)
  }
}

/// Serves a ``ControlSocket``.
struct ControlService: Service {
  let socket: ControlSocket
  let boards: [ElectionBoard]
  let logger: Logger

  func run() async throws {
    if self.socket.isDefault { mkdir(ControlSocket.directory, 0o700) }
    let path = self.socket.path
    do {
      try await ControlServer(boards: self.boards, path: path) {
        self.logger.debug("step-down and resume are accepted", metadata: ["socket": "\(path)"])
      }.run()
    } catch let error as ControlServerError where self.socket.isDefault || error.isTaken {
      // A taken socket ends no elector: this one may lead by now.
      self.logger.warning(
        "no step-down and no resume: name another --control-socket, or off",
        metadata: ["socket": "\(error.path)", "reason": "\(error.reason)"])
    }
  }
}
