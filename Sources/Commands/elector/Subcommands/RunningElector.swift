import ArgumentParser
import AsyncHTTPClient
import Elector
import FoundationEssentials
import Linux
import NIOCore

/// The electors of this machine that a command talks to.
struct RunningElector: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The elector's --control-socket. (default: all in /run/elector)", valueName: "path"))
  var controlSocket: String?

  @Option(help: "The lock's name of one of its elections. (default: all)")
  var key: String?

  /// No flag any more.
  @Option(name: .customLong("elector"), help: .private)
  var removedElector: String?

  func validate() throws {
    if self.removedElector != nil {
      throw ValidationError(
        "--elector is gone: run the command on the elector's machine; --control-socket names its socket"
      )
    }
  }

  /// Sends a request to each elector that it concerns, and prints the answers.
  func post(_ path: String, forSeconds: Double? = nil) async throws {
    let directory = ControlSocket.directory
    let sockets = self.controlSocket.map { [$0] } ?? UnixSocket.all(in: directory)
    let query = [("for", forSeconds.map { "\($0)" }), ("key", self.key)].compactMap { name, value in
      value.map { URLQueryItem(name: name, value: $0) }
    }
    var (isDone, failures) = (false, [String]())
    for socket in sockets {
      let (status, text): (UInt, String)
      do {
        (status, text) = try await Self.post(path, query, to: socket)
      } catch {
        // Left by an elector that was killed.
        if self.controlSocket == nil, sockets.count > 1, !UnixSocket.isServed(socket) { continue }
        failures.append("cannot reach the elector at \(socket): \(error)")
        continue
      }
      if status == 202 {
        print(sockets.count == 1 ? text : "\(socket): \(text)", terminator: "")
        isDone = true
      } else if status != 404 || self.controlSocket != nil {
        failures.append("\(socket) answers \(status): \(text)")
      }
    }
    if !failures.isEmpty { throw CommandFailure(description: failures.joined(separator: "; ")) }
    if isDone { return }
    let who = self.key.map { "no elector of \($0)" } ?? "no elector"
    throw CommandFailure(
      description: "\(who) has a socket in \(directory): name it with --control-socket, as root")
  }

  private static func post(
    _ path: String, _ query: [URLQueryItem], to socket: String
  ) async throws -> (UInt, String) {
    guard let base = URL(httpURLWithSocketPath: socket, uri: "/\(path)") else {
      throw CommandFailure(description: "it is no path")
    }
    let url = query.isEmpty ? base : base.appending(queryItems: query)
    var request = HTTPClientRequest(url: url.absoluteString)
    request.method = .POST
    request.headers.replaceOrAdd(name: "Host", value: "localhost")
    let response = try await HTTPClient.direct.execute(request, timeout: .seconds(5))
    let text = String(buffer: try await response.body.collect(upTo: 1 << 16))
    return (response.status.code, text)
  }
}

/// Why a command failed.
struct CommandFailure: Error, CustomStringConvertible { var description: String }
