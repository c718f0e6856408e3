import ArgumentParser
import AsyncHTTPClient
import Elector
import FoundationEssentials
import NIOCore

/// The elector that a command talks to.
struct RunningElector: ParsableArguments {
  @Option(help: ArgumentHelp("The elector's --http-listen.", valueName: "url"))
  var elector = "http://127.0.0.1:8080"

  @Option(help: "The lock's name of one of its elections. (default: all)")
  var key: String?

  /// Sends a request and prints the answer.
  func post(_ path: String, forSeconds: Double? = nil) async throws {
    let address = self.elector.contains("://") ? self.elector : "http://\(self.elector)"
    guard let base = URL(string: "\(address)/\(path)") else {
      throw CommandFailure(
        description: "--elector must be like http://127.0.0.1:8080, not \"\(address)\"")
    }
    let query = [("for", forSeconds.map { "\($0)" }), ("key", self.key)].compactMap { name, value in
      value.map { URLQueryItem(name: name, value: $0) }
    }
    let url = base.appending(queryItems: query).absoluteString
    var request = HTTPClientRequest(url: url)
    request.method = .POST
    let (status, text): (UInt, String)
    do {
      let response = try await HTTPClient.direct.execute(request, timeout: .seconds(5))
      text = String(buffer: try await response.body.collect(upTo: 1 << 16))
      status = response.status.code
    } catch {
      throw CommandFailure(description: "cannot reach the elector at \(address): \(error)")
    }
    guard status == 202 else {
      throw CommandFailure(description: "\(address) answers \(status): \(text)")
    }
    print(text, terminator: "")
  }
}

/// Why a command failed.
struct CommandFailure: Error, CustomStringConvertible { var description: String }
