import ArgumentParser
import AsyncHTTPClient
import CommandLine
import FoundationEssentials
import NIOCore

/// How the commands reach a running elector.
struct ElectorAddress: ParsableArguments {
  @Option(help: ArgumentHelp("The elector's --http-listen.", valueName: "url"))
  var elector = "http://127.0.0.1:8080"

  @Option(help: "Which of its elections, by the lock's name. (default: all)")
  var key: String?

  /// Sends a wish and prints what the elector says to it.
  func post(_ path: String, forSeconds: Double? = nil) async throws {
    let address = self.elector.contains("://") ? self.elector : "http://\(self.elector)"
    guard let base = URL(string: "\(address)/\(path)") else {
      throw Problem(description: "--elector must be like http://127.0.0.1:8080, not \"\(address)\"")
    }
    let query = [("for", forSeconds.map { "\($0)" }), ("key", self.key)].compactMap { name, value in
      value.map { URLQueryItem(name: name, value: $0) }
    }
    let url = base.appending(queryItems: query).absoluteString
    var request = HTTPClientRequest(url: url)
    request.method = .POST
    let (status, text): (UInt, String)
    do {
      let response = try await HTTPClient.shared.execute(request, timeout: .seconds(5))
      text = String(buffer: try await response.body.collect(upTo: 1 << 16))
      status = response.status.code
    } catch {
      throw Problem(description: "cannot reach the elector at \(address): \(error)")
    }
    guard status == 202 else { throw Problem(description: "\(address) answers \(status): \(text)") }
    print(text, terminator: "")
  }

  struct Problem: Error, CustomStringConvertible { var description: String }
}

/// `elector step-down`.
struct StepDown: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "step-down",
    abstract: "Make a running elector leave the lock to others for a while.",
    discussion: """
      The manifest is removed, the pod's end awaited, and the lock released, as on a stop; then it \
      follows, and takes part again when the time is over.
      """)

  @OptionGroup var address: ElectorAddress
  @Option(
    name: .customLong("for"), help: ArgumentHelp("For how long.", valueName: "duration"),
    transform: { try GoDuration(parsing: $0) })
  var duration = GoDuration(.seconds(300))

  func validate() throws {
    if self.duration.duration <= .zero { throw ValidationError("--for must be more than 0") }
  }

  func run() async throws {
    try await self.address.post(
      "step-down", forSeconds: self.duration.duration / .seconds(1))
  }
}

/// `elector pause`.
struct Pause: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause",
    abstract: "Make a running elector leave the lock to others until it is resumed.")
  @OptionGroup var address: ElectorAddress
  func run() async throws { try await self.address.post("pause") }
}

/// `elector resume`.
struct Resume: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume",
    abstract: "Let an elector that was paused, or stepped down, take part again.")
  @OptionGroup var address: ElectorAddress
  func run() async throws { try await self.address.post("resume") }
}
