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

/// The elections that this process takes part in.
struct Elections: Sendable {
  /// What concerns the process.
  let process: ElectorCommand
  /// One or, with `--config`, several, by any of which the process's flags are the same.
  let all: [ElectionOptions]
  /// What our guard owns, in its order: a file that names others by now is not for us. Empty without one.
  let guarded: [String]

  /// How a guard tells its child of each of its manifests. Not one of the parser's flags, which it would
  /// read anew for each of a thousand elections.
  static let guardedFlag = "--guard-destination="

  /// - Throws: what the parser throws, or `ValidationError` that names `--config`'s file and line.
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
    // A file without elections is refused.
    self.process = commands[0]
    self.all = commands.map(\.election)
  }

  /// Takes part in all of them until it is told to stop.
  func run() async throws {
    self.process.setUpLog()
    if self.all.count > 1 { DescriptorLimit.raise() }
    let contests = try self.all.map { try Contest($0, isAlone: self.all.count == 1) }
    // Before anything that may fail for good, such as reading a certificate. If it cannot be removed, the
    // election says so, and tries on.
    for contest in contests { try? contest.manifest.remove() }
    let logger = Logger(label: "elector")
    do {
      let timings = contests.map(\.timing)
      let link = try await self.process.guardLink(patience: timings.map(\.margin).min() ?? .zero)
      let client = try self.process.etcd.client(
        timeout: timings.map(\.requestTimeout).min() ?? .zero,
        attemptTimeout: timings.map(\.attemptTimeout).min() ?? .zero, logger: logger)
      try await client.run { client in
        let apiserver = try self.process.apiserver.server()
        let services = try contests.map {
          try $0.services(
            client, api: self.process.etcd.etcdApi, link: self.link($0, link),
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
      // A guard would try in vain; who has started us may try again. Source: sysexits.h, EX_CONFIG.
      throw ExitCode(78)
    }
  }

  /// The place of an election's manifest with the guard.
  private func link(_ contest: Contest, _ link: GuardLink?) throws -> ManifestGuard? {
    guard let link else { return nil }
    let path = contest.options.destFile
    guard let index = self.guarded.firstIndex(of: path).flatMap({ UInt16(exactly: $0) }) else {
      throw ValidationError(
        "--dest-file \(path): the guard was started without it; restart the elector to change it")
    }
    return ManifestGuard(link: link, manifest: index)
  }

  private func configurations(
    _ contests: [(election: ElectionService, beside: [any Service])], logger: Logger
  ) throws -> [ServiceGroupConfiguration.ServiceConfiguration] {
    var services: [ServiceGroupConfiguration.ServiceConfiguration] = []
    func add(_ service: any Service, endsAll: Bool = false) {
      services.append(
        .init(
          service: service,
          successTerminationBehavior: endsAll ? .gracefullyShutdownGroup : .ignore,
          failureTerminationBehavior: .gracefullyShutdownGroup))
    }
    add(
      Contests(elections: contests.map(\.election), beside: contests.flatMap(\.beside)),
      endsAll: true)
    let boards = contests.map(\.election.board)
    if let (host, port) = try self.process.status.address() {
      add(
        StatusServer(boards: boards, host: host, port: port) {
          logger.info("seen at \($0)")
        })
    }
    if let systemd = SystemdNotifier(environment: ProcessInfo.processInfo.environment) {
      add(SystemdService(systemd: systemd, boards: boards))
    }
    return services
  }
}

/// All elections at once. A `ServiceGroup` would stop its services one after the other, each of which
/// waits for a pod's end.
private struct Contests: Service {
  let elections: [ElectionService]
  /// What stands by them, and matters to none.
  let beside: [any Service]

  func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { others in
      for service in self.beside { others.addTask { try await service.run() } }
      let failures = await withTaskGroup(of: (any Error)?.self) { group in
        for (index, election) in self.elections.enumerated() {
          group.addTask {
            do {
              // A thousand that start at one instant would ask at one instant ever after.
              try? await Task.sleep(for: .milliseconds(index))
              try await election.run()
              return nil
            } catch {
              return error
            }
          }
        }
        var failures: [any Error] = []
        // Each is waited for, whatever became of another one.
        for await failure in group { if let failure { failures.append(failure) } }
        return failures
      }
      others.cancelAll()
      if let failure = failures.first { throw failure }
    }
  }
}

/// One of them, before it can be taken part in.
private struct Contest: Sendable {
  let options: ElectionOptions
  let timing: Timing
  let manifest: ManifestFile
  let logger: Logger

  /// - Parameter isAlone: whether lines of the log need not say which election they are about.
  init(_ options: ElectionOptions, isAlone: Bool) throws {
    self.options = options
    var logger = Logger(label: "elector")
    if !isAlone { logger[metadataKey: "key"] = "\(options.key)" }
    self.logger = logger
    if options.whoami.isEmpty { logger.info("--whoami is empty, defaulting to \(options.name)") }
    let grace = ManifestFile.grace(of: options.sourceFile)
    self.timing = try options.timing(grace: grace)
    ElectionOptions.tell(self.timing, isGraceKnown: grace != nil, logger)
    self.manifest = options.manifest(self.timing)
  }

  func services(
    _ client: EtcdClient, api: EtcdAPI, link: ManifestGuard?, apiserver: APIServer?
  ) throws -> (election: ElectionService, beside: [any Service]) {
    let terms = LeaseTerms(
      key: self.options.key, value: self.options.name, ttlSeconds: self.timing.ttlSeconds,
      timeout: self.timing.requestTimeout)
    let key = EtcdLeasedKey(client: client, api: api, terms: terms)
    let candidate = self.options.candidate
    let election = ElectionService(
      key: self.options.key, candidate: candidate, timing: self.timing,
      store: EtcdLeaseStore(key: key, name: self.options.key),
      manifest: self.manifest, kubelet: try self.options.kubelet.access(),
      podLimits: self.options.kubelet.limits, guarded: link, logger: self.logger)
    let preemption = PreemptionService(
      key: key, name: self.options.key, board: election.board,
      own: Bid(
        candidate: candidate, priority: self.options.priority, period: self.timing.sleep),
      delay: self.options.preemptionDelay.duration, logger: self.logger)
    let lease = self.options.leaseName.map { LeaseName($0) } ?? LeaseName(ofKey: self.options.key)
    guard let apiserver, let lease else { return (election, [preemption]) }
    let publisher = LeasePublisher(
      server: apiserver, name: lease, board: election.board, logger: self.logger)
    return (election, [preemption, publisher])
  }
}

/// What only a person can mend, with one line that says what.
private protocol Misconfiguration: Error {}
extension StatusServerError: Misconfiguration {}
extension ClientTLSError: Misconfiguration {}
extension EtcdCredentialsError: Misconfiguration {}
