import ArgumentParser
import CommandLine
import Elector
import ElectorHTTP
import EtcdClient
import FoundationEssentials
import HTTPEndpoint
import KubernetesClient
import Linux
import Logging
import ServiceLifecycle
import UnixSignals

/// The elections of this process.
struct Elections: Sendable {
  /// The process's own flags.
  let process: ElectorCommand
  /// One or, with `--config`, several.
  let all: [ElectionOptions]
  /// The destinations of our guard, in its order; empty in the guard itself. The file may name others by
  /// now, which the guard cannot install.
  private let guarded: [String]

  /// A guard names each destination to its child by this flag. It is not one of the parser's, which would
  /// parse all of them for each of a thousand elections.
  static let guardedFlag = "--guard-destination="

  /// - Throws: the parser's errors, or `ValidationError` with the file and line of `--config`.
  init(_ all: [String]) throws {
    let arguments = all.filter { !$0.hasPrefix(Self.guardedFlag) }
    self.guarded = all.filter { $0.hasPrefix(Self.guardedFlag) }
      .map { String($0.dropFirst(Self.guardedFlag.count)) }
    let wantsHelp = arguments.contains { $0 == "--help" || $0 == "-h" }
    guard !wantsHelp, let file = Settings.file(arguments: arguments, environment: [:]) else {
      let command = try ElectorCommand.parse(arguments)
      self.process = command
      self.all = [command.election]
      return
    }
    let commands: [ElectorCommand]
    do {
      commands = try ElectionsFile(file).commands(beside: arguments)
    } catch let error as SettingsError {
      throw ValidationError(error.description)
    }
    // The process's flags are the same in all, and a file without elections is refused.
    self.process = commands[0]
    self.all = commands.map(\.election)
  }

  /// Takes part in all elections until a signal stops the process.
  func run(guardDescriptor: Int32) async throws {
    self.process.setUpLog()
    if self.all.count > 1 { DescriptorLimit.raise() }
    var setups = try self.all.map { try ElectionSetup($0, isAlone: self.all.count == 1) }
    // First, because what follows may fail for good, such as reading a certificate. The election repeats a
    // removal that fails, and logs it.
    for setup in setups { try? setup.manifest.remove() }
    let logger = Logger(label: "elector")
    do {
      let timings = setups.map(\.timing)
      let link = try await self.guardLink(
        guardDescriptor, patience: timings.map(\.margin).min() ?? .zero)
      let client = try self.process.etcd.client(
        timeout: timings.map(\.requestTimeout).min() ?? .zero,
        attemptTimeout: timings.map(\.attemptTimeout).min() ?? .zero, logger: logger)
      try await client.run { client in
        let skew = await self.process.etcd.clockSkew(
          client, beside: self.all[0].key, timeout: timings.map(\.requestTimeout).max() ?? .zero,
          logger: logger)
        for index in setups.indices { setups[index].count(clockSkew: skew) }
        let apiserver = try self.process.apiserver.server()
        let services = try setups.map {
          try $0.services(
            client, api: self.process.etcd.etcdApi, guarded: self.guarded($0.options, by: link),
            apiserver: apiserver)
        }
        try await ServiceGroup(
          configuration: .init(
            services: try self.configurations(services, logger: logger),
            gracefulShutdownSignals: [.sigterm, .sigint, .sighup],
            logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() })
        ).run()
      }
    } catch let error as ElectionServiceError {
      logger.error("\(error)")
      throw ExitCode(1)
    } catch let error as any Misconfiguration {
      logger.error("\(error)")
      // The guard does not restart it after this code. Source: sysexits.h, EX_CONFIG.
      throw ExitCode(78)
    }
  }

  /// - Parameter patience: the bound of the guard's answers.
  private func guardLink(_ descriptor: Int32, patience: Duration) async throws -> GuardLink {
    do {
      return try await GuardLink.connect(descriptor: descriptor, patience: patience)
    } catch {
      throw ValidationError("--guard-descriptor is for the guard's own use: \(error)")
    }
  }

  private func guarded(_ election: ElectionOptions, by link: GuardLink) throws -> GuardedManifest {
    let path = election.destFile
    guard let index = self.guarded.firstIndex(of: path).flatMap({ UInt16(exactly: $0) }) else {
      throw ValidationError(
        "--dest-file \(path): the guard was started without it; restart the elector to change it")
    }
    return GuardedManifest(link: link, manifest: index)
  }

  private func configurations(
    _ services: [ElectionSetup.Services], logger: Logger
  ) throws -> [ServiceGroupConfiguration.ServiceConfiguration] {
    var configurations: [ServiceGroupConfiguration.ServiceConfiguration] = []
    func add(_ service: any Service, endsAll: Bool = false) {
      configurations.append(
        .init(
          service: service,
          successTerminationBehavior: endsAll ? .gracefullyShutdownGroup : .ignore,
          failureTerminationBehavior: .gracefullyShutdownGroup))
    }
    add(AllElections(all: services), endsAll: true)
    let boards = services.map(\.election.board)
    if let (host, port) = try self.process.status.address() {
      add(
        StatusServer(boards: boards, host: host, port: port) {
          logger.info("serving the status at \($0)")
        })
    }
    if let systemd = SystemdNotifier(environment: ProcessInfo.processInfo.environment) {
      add(SystemdService(systemd: systemd, boards: boards))
    }
    return configurations
  }
}

/// An error that only an operator can correct.
private protocol Misconfiguration: Error {}
extension StatusServerError: Misconfiguration {}
extension ClientTLSError: Misconfiguration {}
extension EtcdCredentialsError: Misconfiguration {}
