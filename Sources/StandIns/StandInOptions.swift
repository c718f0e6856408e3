import ArgumentParser
import CommandLine
import Foundation
import HTTPEndpoint
import KubernetesClient
import Logging
import ServiceLifecycle
import UnixSignals

/// The flags that both daemons share, and the run of a daemon with them.
struct StandInOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Equivalent API servers, separated by commas; may be given several times.",
      valueName: "url,..."))
  var master: [String]

  @Option(help: "Address of /healthz.")
  var address = "127.0.0.1"

  @OptionGroup var access: APIServerAccess

  @OptionGroup var log: LogOptions

  /// - Throws: a `ValidationError` that names the flag.
  func validate(port: Int) throws {
    _ = try APIServerAccess.endpoints(self.master, flag: "--master")
    guard (0...65535).contains(port) else {
      throw ValidationError("--port: \(port) is no port: it must be between 0 and 65535")
    }
  }

  /// Runs a daemon until SIGTERM or SIGINT.
  /// - Parameters:
  ///   - unused: flags that were given and have no effect.
  ///   - component: the reporter of its events.
  ///   - service: its work.
  func run(
    _ name: String, component: String, port: Int, unused: [String] = [],
    _ service: (Daemon) -> any Service
  ) async throws {
    self.log.bootstrap()
    let logger = Logger(label: name)
    if !unused.isEmpty {
      logger.info(
        "Accepted, but without effect", metadata: ["flags": "\(unused.joined(separator: ","))"])
    }
    do {
      let daemon = Daemon(
        try self.access.servers(self.master, flag: "--master"), component: component,
        address: self.address, port: port, logger: logger
      ) { url in
        // Unlike `print`, this does not stay in a buffer when standard output is a pipe.
        try? FileHandle.standardOutput.write(contentsOf: Data("\(name): \(url)\n".utf8))
      }
      logger.info(
        "Starting", metadata: ["master": "\(self.master.joined(separator: ","))"])
      try await ServiceGroup(
        services: [service(daemon)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
      ).run()
    } catch let error where error is StandInError || error is ClientTLSError {
      logger.error("\(error)")
      throw ExitCode.failure
    }
  }
}
