import ArgumentParser
import AsyncHTTPClient
import GoFlags
import NIOCore

/// How the commands reach a running elector.
struct ElectorAddress: ParsableArguments {
  @Option(help: ArgumentHelp("The elector's --http-listen.", valueName: "url"))
  var elector = "http://127.0.0.1:8080"

  /// Sends a wish and prints what the elector says to it.
  func post(_ path: String) async throws {
    let url = self.elector.contains("://") ? self.elector : "http://\(self.elector)"
    var request = HTTPClientRequest(url: "\(url)/\(path)")
    request.method = .POST
    let (status, text): (UInt, String)
    do {
      let response = try await HTTPClient.shared.execute(request, timeout: .seconds(5))
      text = String(buffer: try await response.body.collect(upTo: 1 << 16))
      status = response.status.code
    } catch {
      throw Problem(description: "cannot reach the elector at \(url): \(error)")
    }
    guard status == 202 else { throw Problem(description: "\(url) answers \(status): \(text)") }
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
    try await self.address.post("step-down?for=\(self.duration.duration / .seconds(1))")
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
