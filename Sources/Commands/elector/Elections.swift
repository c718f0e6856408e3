import ArgumentParser
import CommandLine
import Elector
import ElectorHTTP
import EtcdClient
import FoundationEssentials
import Glibc
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
  /// The text of `--config`, from which all of them come.
  let configuration: String?

  /// - Parameter arguments: those of the command line. In a guard's child they name an open file with the text of
  ///   `--config` as the guard has read it.
  /// - Throws: the parser's errors, or `ValidationError` with the file and line of `--config`.
  init(_ arguments: [String]) throws {
    let wantsHelp = arguments.contains { $0 == "--help" || $0 == "-h" }
    guard !wantsHelp, let file = Settings.file(arguments: arguments, environment: [:]) else {
      let command = try ElectorCommand.parse(arguments)
      self.process = command
      self.all = [command.election]
      self.configuration = nil
      return
    }
    let commands: [ElectorCommand]
    do {
      let text = try Self.handedDown(by: arguments) ?? ElectionsFile.text(of: file)
      self.configuration = text
      commands = try ElectionsFile(text, name: file).commands(beside: arguments)
    } catch let error as SettingsError {
      throw ValidationError(error.description)
    }
    // The process's flags are the same in all, and a file without elections is refused.
    self.process = commands[0]
    self.all = commands.map(\.election)
  }

  private static func handedDown(by arguments: [String]) -> String? {
    let flag = "\(GuardedElector.configurationFlag)="
    guard let argument = arguments.first(where: { $0.hasPrefix(flag) }),
      let descriptor = Int32(argument.dropFirst(flag.count))
    else { return nil }
    defer { close(descriptor) }
    // Not from where the descriptor stands: the guard has written up to there.
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = pread(descriptor, &buffer, buffer.count, off_t(content.count))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      content += buffer[..<count]
    }
    return String(decoding: content, as: UTF8.self)
  }

  /// What an elector removes must not be what it reads.
  /// - Throws: `ValidationError` with the flags and files.
  func checkDestinations() throws {
    var check = DestinationCheck()
    for election in self.all {
      if let other = check.add(election.destFile) {
        throw ValidationError(
          "--dest-file \(election.destFile) is the same file as --dest-file \(other) of another election"
        )
      }
    }
    let files =
      self.all.map { (flag: "source-file", path: $0.sourceFile) }
      + self.all.flatMap(\.kubelet.files)
      + self.process.etcd.files + self.process.apiserver.access.files
      + (self.process.config.map { [(flag: "config", path: $0)] } ?? [])
    for (flag, path) in files {
      guard let destination = check.destination(at: path) else { continue }
      throw ValidationError(Self.meeting(flag, path, destination))
    }
  }

  static func meeting(_ flag: String, _ path: String, _ destination: String) -> String {
    """
    --\(flag) \(path) and --dest-file \(destination) are the same file, which the elector would remove: \
    use two files
    """
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
        // In the order of the guard, which has the same settings.
        let services = try setups.enumerated().map { index, setup in
          try setup.services(
            client, api: self.process.etcd.etcdApi,
            guarded: GuardedManifest(link: link, manifest: UInt16(truncatingIfNeeded: index)),
            apiserver: apiserver)
        }
        try await ServiceGroup(
          configuration: .init(
            services: try self.configurations(services, logger: logger),
            // A guard does not pass SIGHUP on, which is to it.
            gracefulShutdownSignals: [.sigterm, .sigint],
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
    // A group stops its services in the reverse order, each after the one before has ended: the elections first, so that
    // the others tell of their hand-over.
    let boards = services.map(\.election.board)
    if let (host, port) = try self.process.status.address() {
      add(
        StatusServer(boards: boards, host: host, port: port) {
          logger.info("serving the status at \($0)")
        })
    }
    if let socket = self.process.status.socket(keys: self.all.map(\.key)) {
      add(ControlService(socket: socket, boards: boards, logger: logger))
    }
    if let systemd = SystemdNotifier(environment: ProcessInfo.processInfo.environment) {
      add(SystemdService(systemd: systemd, boards: boards))
    }
    add(AllElections(all: services), endsAll: true)
    return configurations
  }
}

/// An error that only an operator can correct.
private protocol Misconfiguration: Error {}
extension StatusServerError: Misconfiguration {}
extension ControlServerError: Misconfiguration {}
extension ClientTLSError: Misconfiguration {}
extension EtcdCredentialsError: Misconfiguration {}
