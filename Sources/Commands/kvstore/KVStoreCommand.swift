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
    abstract: "An etcd server on SQLite, v2 and v3.",
    discussion: """
      Speaks etcd's v3 API (gRPC and its JSON gateway) and v2 keys API, and keeps the keys in one \
      SQLite file. An acknowledged write survives kill -9 and power loss.

      An environment variable (ETCD_LISTEN_CLIENT_URLS) or the file of --config \
      (listen-client-urls: http://127.0.0.1:2379) can set a flag, too. A flag overrides the \
      variable, and the variable the file.

      Example:
        kvstore --listen-client-urls http://127.0.0.1:2379 --data-dir /var/lib/kvstore
        ETCDCTL_API=3 etcdctl put message hello
        curl -X PUT http://127.0.0.1:2379/v2/keys/message -d value=hello
        curl http://127.0.0.1:2379/v2/keys/message
      """,
    version: Version.line(of: "kvstore"),
    subcommands: [Check.self, Backup.self, Restore.self])

  /// The flags that the environment and the file can set, too.
  private static let settable = Self.flagNames.subtracting(["config", Settings.fileFlag])

  @Option(
    help: ArgumentHelp(
      "Addresses to listen on, http:// or https://, separated by commas. Port 0 takes a free port; the bound address is printed. unix:// or unixs:// with a path is a socket that only its owner can open.",
      valueName: "urls"))
  var listenClientUrls = "http://127.0.0.1:2379"

  @Option(
    help: ArgumentHelp(
      "More addresses, where only /metrics and /health are served.", valueName: "urls"))
  var listenMetricsUrls = ""

  @Option(
    help: ArgumentHelp(
      "Addresses that clients switch to, in /v2/members and /v2/machines. By itself these are the addresses to listen on; for one on all interfaces, like http://0.0.0.0:2379, a client gets the address that it has connected to.",
      valueName: "urls"))
  var advertiseClientUrls = ""

  @Option(
    help: ArgumentHelp("The directory of the database; created if it is missing.", valueName: "dir")
  )
  var dataDir = "default.kvstore"

  @Option(help: "The member's name in /v2/members.")
  var name = "default"

  @Option(
    help: ArgumentHelp(
      "The certificate for https:// addresses, in PEM form, with its chain. Read again on SIGHUP.",
      valueName: "file"))
  var certFile = ""

  @Option(
    help: ArgumentHelp(
      "The certificate's private key, in PEM form. Read again on SIGHUP.", valueName: "file"))
  var keyFile = ""

  @Option(
    help: ArgumentHelp(
      "The CA of clients' certificates, in PEM form. With it https:// clients need one, as with etcd. Read again on SIGHUP.",
      valueName: "file"))
  var trustedCaFile = ""

  @Option(
    help: ArgumentHelp(
      "Require a certificate of https:// clients, signed by --trusted-ca-file.",
      valueName: "bool"))
  var clientCertAuth: GoBool = false

  @Option(
    help: ArgumentHelp(
      "Connections served at once, at most what the limit of open files allows. (default: \(KVStoreServer.standardMaxConnections))",
      valueName: "count"))
  var maxConnections: Int?

  @Option(
    help: ArgumentHelp(
      "The most bytes of a request. (default: \(CallLimits().requestBytes) by v3, \(KVStoreServer.standardMaxRequestBytes) by v2, as in etcd)",
      valueName: "bytes"))
  var maxRequestBytes: Int?

  @Option(
    help: ArgumentHelp(
      "The most operations of a transaction of v3.", valueName: "count"))
  var maxTxnOps = CallLimits().operations

  @Option(
    help: ArgumentHelp(
      "What the tables may take on disk: beyond it the alarm NOSPACE is raised, and v3 takes nothing that adds to them until it is deactivated. 0 and less for no limit.",
      valueName: "bytes"))
  var quotaBackendBytes: Int64 = 0

  @Option(
    help: ArgumentHelp(
      "What --auto-compaction-retention counts: periodic for time, revision for revisions.",
      valueName: "mode"))
  var autoCompactionMode = CompactionMode.periodic

  @Option(
    help: ArgumentHelp(
      "How much of v3's history is kept: 30m, or hours without a unit; with the mode revision so many revisions. 0 keeps all until a client compacts.",
      valueName: "retention"))
  var autoCompactionRetention = "0"

  @Option(
    help: ArgumentHelp(
      "Origins whose web pages may read and write, separated by commas; * allows all, as etcd does by itself.",
      valueName: "origins"))
  var cors = ""

  @Option(
    help: ArgumentHelp(
      "Names that Host may have in requests over plain HTTP, beside addresses, localhost and the server's own names, separated by commas; * allows all. By itself only loopback addresses look at Host.",
      valueName: "names"))
  var hostWhitelist = ""

  @Option(
    name: [.customLong("config"), .customLong(Settings.fileFlag)],
    help: ArgumentHelp("A YAML file with the flags' names as keys.", valueName: "file"))
  var config: String?

  @Option(help: "The format of log lines.")
  var logFormat = LogFormat.klog

  @Option(name: .customLong("v"), help: "The verbosity of the log, 0 to 4.")
  var verbosity = 0

  func validate() throws {
    if let maxConnections = self.maxConnections, maxConnections < 1 {
      throw ValidationError("--max-connections \(maxConnections): give a number of 1 or more")
    }
    if let maxRequestBytes = self.maxRequestBytes, !(1...256 << 20).contains(maxRequestBytes) {
      throw ValidationError(
        "--max-request-bytes \(maxRequestBytes): give a number from 1 to \(256 << 20)")
    }
    guard self.maxTxnOps > 0 else {
      throw ValidationError("--max-txn-ops \(self.maxTxnOps): give a number of 1 or more")
    }
    _ = try self.autoCompaction()
  }

  /// - Returns: `nil` for none.
  private func autoCompaction() throws -> AutoCompaction.Mode? {
    let text = self.autoCompactionRetention
    func fail(_ wanted: String) -> ValidationError {
      ValidationError("--auto-compaction-retention \(text): give \(wanted)")
    }
    switch self.autoCompactionMode {
    case .revision:
      guard let kept = Int64(text), kept >= 0 else { throw fail("a number of revisions") }
      return kept == 0 ? nil : .revisions(kept)
    case .periodic:
      // As with etcd, a number is one of hours.
      guard
        let duration = (try? GoDuration(parsing: Int64(text) == nil ? text : "\(text)h"))?.duration,
        duration >= .zero
      else { throw fail("a time like 30m, or a number of hours") }
      let seconds = duration.components.seconds
      return seconds == 0 ? nil : .seconds(seconds)
    }
  }

  static func main() async {
    var arguments = GoCommandLine.normalized(
      Array(CommandLine.arguments.dropFirst()),
      switches: EtcdFlags.switches.union(["client-cert-auth"]))
    do {
      let ignored = try EtcdFlags.remove(from: &arguments)
      var settings = try self.settings(beside: arguments)
      settings.warnings += ignored
      var command = try self.parseAsRoot(
        settings.entries.map(\.argument) + EtcdFlags.spellingOutEmptyValues(arguments))
      switch command {
      case let serve as KVStoreCommand: try await serve.serve(warnings: settings.warnings)
      default: try command.run()
      }
    } catch {
      self.exit(withError: error)
    }
  }

  /// Reads the environment and the file. Each setting is parsed by itself, so that an error names its
  /// place.
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
    var settings = try Settings(
      flags: self.settable.union(EtcdFlags.names), environment: environment, file: file)
    try EtcdFlags.remove(from: &settings)
    for entry in settings.entries {
      do {
        _ = try self.parse([entry.argument])
      } catch {
        throw SettingsError(place: entry.origin, problem: self.message(for: error))
      }
    }
    return settings
  }

  private var callLimits: CallLimits {
    var limits = CallLimits()
    limits.requestBytes = self.maxRequestBytes ?? limits.requestBytes
    limits.operations = self.maxTxnOps
    return limits
  }

  private static func list(_ text: String) -> [String] {
    text.split(separator: ",").map(String.init)
  }

  private func serve(warnings: [String]) async throws {
    self.logFormat.bootstrap(verbosity: self.verbosity)
    let logger = Logger(label: "kvstore")
    for warning in warnings { logger.warning("\(warning)") }
    DescriptorLimit.raise()
    // Before the addresses are printed: an untrapped signal would end the process.
    let hangUps = await UnixSignalsSequence(trapping: .sighup)
    let server: KVStoreServer
    do {
      server = try await KVStoreServer.start(
        .directory(self.dataDir),
        listenURLs: Self.list(self.listenClientUrls),
        metricsURLs: Self.list(self.listenMetricsUrls),
        advertisedURLs: Self.list(self.advertiseClientUrls), name: self.name,
        corsOrigins: CORSOrigins(parsing: self.cors),
        hostWhitelist: Self.list(self.hostWhitelist),
        tls: TLSFiles(
          certFile: self.certFile, keyFile: self.keyFile, trustedCAFile: self.trustedCaFile,
          clientCertAuth: self.clientCertAuth.isTrue),
        maxConnections: self.maxConnections,
        maxRequestBytes: self.maxRequestBytes ?? KVStoreServer.standardMaxRequestBytes,
        callLimits: self.callLimits,
        quotaBytes: self.quotaBackendBytes > 0 ? self.quotaBackendBytes : nil,
        autoCompaction: self.autoCompaction(), logger: logger)
    } catch {
      logger.error("\(error)")
      throw ExitCode(1)
    }
    // A group stops its services in the reverse order: systemd hears of the server's life until it has stopped.
    var services: [ServiceGroupConfiguration.ServiceConfiguration] = []
    if let systemd = SystemdNotifier(environment: ProcessInfo.processInfo.environment) {
      services.append(.init(service: SystemdService(systemd: systemd, server: server)))
    }
    services.append(.init(service: Announced(server: server)))
    services.append(.init(service: Reload(server: server, hangUps: hangUps)))
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: services,
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }
}

/// Of `--auto-compaction-mode`.
enum CompactionMode: String, CaseIterable, ExpressibleByArgument {
  case periodic, revision
}

/// Prints the server's addresses once the group has trapped the signals that stop it in good order.
private struct Announced: Service {
  let server: KVStoreServer

  func run() async throws {
    for url in self.server.urls { print("kvstore: listening on \(url)") }
    for url in self.server.metricsURLs { print("kvstore: metrics and health on \(url)") }
    fflush(nil)
    try await self.server.run()
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
