import ArgumentParser
import CommandLine
import Foundation
import Glibc
import KVStore
import Linux
import Logging
import ServiceLifecycle
import UnixSignals

@main struct KVStoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kvstore",
    abstract: "An etcd v2 API server on SQLite.",
    discussion: """
      Speaks etcd's v2 keys API (TTL, compare-and-swap, watches) and keeps the keys in one SQLite \
      file. A write that was answered survives kill -9 and power loss.

      A flag can also be set by an environment variable (ETCD_LISTEN_CLIENT_URLS) or in the file \
      that --config names (listen-client-urls: http://127.0.0.1:2379). Flags go before variables, \
      and those before the file.

      Example:
        kvstore --listen-client-urls http://127.0.0.1:2379 --data-dir /var/lib/kvstore
        curl -X PUT http://127.0.0.1:2379/v2/keys/message -d value=hello
        curl http://127.0.0.1:2379/v2/keys/message
      """,
    version: Version.line(of: "kvstore"),
    subcommands: [Check.self, Backup.self, Restore.self])

  /// What can stand in the environment and in a file, too: a new flag is added here.
  private static let settable: Set = [
    "cert-file", "client-cert-auth", "cors", "data-dir", "key-file", "listen-client-urls",
    "log-format", "max-connections", "name", "trusted-ca-file", "v",
  ]

  @Option(
    help: ArgumentHelp(
      "Addresses to listen on, http:// or https://, separated by commas; port 0 takes a free one, and the address that was bound is printed.",
      valueName: "urls"))
  var listenClientUrls = "http://127.0.0.1:2379"

  @Option(help: ArgumentHelp("Where the data are kept; made if it is not there.", valueName: "dir"))
  var dataDir = "default.kvstore"

  @Option(help: "The member's name in /v2/members.")
  var name = "default"

  @Option(
    help: ArgumentHelp(
      "The certificate for https:// addresses, in PEM form, with those that lead to the one that clients trust; read again on SIGHUP.",
      valueName: "file"))
  var certFile = ""

  @Option(
    help: ArgumentHelp(
      "The certificate's private key, in PEM form; read again on SIGHUP.", valueName: "file"))
  var keyFile = ""

  @Option(
    help: ArgumentHelp(
      "The certificates that clients' certificates are signed with, in PEM form; https:// clients need one then, as with etcd. Read again on SIGHUP.",
      valueName: "file"))
  var trustedCaFile = ""

  @Option(
    help: ArgumentHelp(
      "Whether https:// clients need a certificate; --trusted-ca-file says which are good.",
      valueName: "bool"))
  var clientCertAuth: GoBool = false

  @Option(
    help: ArgumentHelp(
      "Clients that are served at once: \(KVStoreServer.standardMaxConnections) unless told otherwise, and no more than the limit of open files allows.",
      valueName: "count"))
  var maxConnections: Int?

  @Option(
    help: ArgumentHelp(
      "Origins whose pages may read the answers, separated by commas; * is all.",
      valueName: "origins"))
  var cors = "*"

  @Option(
    name: [.customLong("config"), .customLong(Settings.fileFlag)],
    help: ArgumentHelp("A YAML file with the flags' names as keys.", valueName: "file"))
  var config: String?

  @Option(help: "How log lines look.")
  var logFormat = LogFormat.klog

  @Option(name: .customLong("v"), help: "How much is logged: 0 to 4.")
  var verbosity = 0

  func validate() throws {
    if let maxConnections = self.maxConnections, maxConnections < 1 {
      throw ValidationError("--max-connections \(maxConnections): give a number of 1 or more")
    }
  }

  static func main() async {
    let arguments = GoCommandLine.normalized(
      Array(CommandLine.arguments.dropFirst()), switches: ["client-cert-auth"])
    do {
      let settings = try self.settings(beside: arguments)
      var command = try self.parseAsRoot(settings.entries.map(\.argument) + arguments)
      switch command {
      case let serve as KVStoreCommand: try await serve.serve(warnings: settings.warnings)
      default: try command.run()
      }
    } catch {
      self.exit(withError: error)
    }
  }

  /// Reads the environment and the file, and tries each setting by itself, so that one that is no good
  /// is named with its place.
  private static func settings(beside arguments: [String]) throws -> Settings {
    do {
      return try self.read(beside: arguments)
    } catch {
      try fail(error)
    }
  }

  private static func read(beside arguments: [String]) throws(SettingsError) -> Settings {
    let environment = ProcessInfo.processInfo.environment
    var file: (name: String, text: String)?
    if let name = Settings.file(arguments: arguments, environment: environment) {
      do {
        file = (name, try String(contentsOfFile: name, encoding: .utf8))
      } catch {
        throw SettingsError(
          place: name, problem: "cannot read it: \(error.localizedDescription)")
      }
    }
    let settings = try Settings(flags: self.settable, environment: environment, file: file)
    for entry in settings.entries {
      do {
        _ = try self.parse([entry.argument])
      } catch {
        throw SettingsError(place: entry.origin, problem: self.message(for: error))
      }
    }
    return settings
  }

  private func serve(warnings: [String]) async throws {
    self.logFormat.bootstrap(verbosity: self.verbosity)
    let logger = Logger(label: "kvstore")
    for warning in warnings { logger.warning("\(warning)") }
    DescriptorLimit.raise()
    // Before anybody can know that it runs: untrapped, the signal would end it.
    let hangUps = await UnixSignalsSequence(trapping: .sighup)
    let server: KVStoreServer
    do {
      server = try await KVStoreServer.start(
        .directory(self.dataDir),
        listenURLs: self.listenClientUrls.split(separator: ",").map(String.init), name: self.name,
        corsOrigins: CORSOrigins(parsing: self.cors),
        tls: TLSFiles(
          certFile: self.certFile, keyFile: self.keyFile, trustedCAFile: self.trustedCaFile,
          clientCertAuth: self.clientCertAuth.isTrue),
        maxConnections: self.maxConnections, logger: logger)
    } catch {
      logger.error("\(error)")
      throw ExitCode(1)
    }
    for url in server.urls { print("kvstore: listening on \(url)") }
    fflush(nil)
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          .init(service: server), .init(service: Reload(server: server, hangUps: hangUps)),
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }
}

/// Reads the certificates again on each SIGHUP.
private struct Reload: Service {
  let server: KVStoreServer
  let hangUps: UnixSignalsSequence

  func run() async throws {
    for await _ in self.hangUps.cancelOnGracefulShutdown() {
      await self.server.reloadCertificates()
    }
  }
}
